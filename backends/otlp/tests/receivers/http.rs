//! OTLP over HTTP against servers that behave, misbehave and vanish.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::*;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tracer_factory_core::config::{Compression, Endpoint, OtlpConfig, OtlpProtocol};
use tracer_factory_core::delivery::{Batch, Delivered, Outcome};
use tracer_factory_core::otlp::encode_request;

/// What the spans are, by prost's own types.
fn expected() -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(encode_request(&spans()).as_slice()).unwrap()
}

fn http(url: String) -> OtlpConfig {
    let mut config = config(url);
    config.protocol = Some(OtlpProtocol::HttpProtobuf);
    config
}

/// Delivers one batch to a server that gives this answer.
async fn outcome_of(respond: impl Fn() -> Answer + Send + Sync + 'static) -> Outcome {
    let server = Server::start(respond).await;
    deliver_to(server.url("/v1/traces")).await
}

#[tokio::test]
async fn protobuf_arrives_as_it_is() {
    let mut server = Server::start(|| answer("200 OK", "", b"")).await;
    let mut config = http(server.url(""));
    config.headers.push(("x-api-key".to_owned(), "s3cret".to_owned().into()));
    assert_eq!(connect(config).unwrap().deliver(&batch()).await, Outcome::all());
    let got = server.requests.recv().await.unwrap();
    assert!(got.head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{}", got.head);
    assert_eq!(got.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(got.header("x-api-key"), Some("s3cret"));
    assert_eq!(got.header("content-encoding"), None);
    assert_eq!(ExportTraceServiceRequest::decode(got.body.as_slice()).unwrap(), expected());
}

#[tokio::test]
async fn json_arrives_equal() {
    let mut server =
        Server::start(|| answer("200 OK", "content-type: application/json\r\n", b"{\"partialSuccess\":{}}"))
            .await;
    let mut config = config(server.url(""));
    config.protocol = Some(OtlpProtocol::HttpJson);
    assert_eq!(connect(config).unwrap().deliver(&batch()).await, Outcome::all());
    let got = server.requests.recv().await.unwrap();
    assert_eq!(got.header("content-type"), Some("application/json"));
    let request: ExportTraceServiceRequest = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(request, expected());
}

#[tokio::test]
async fn gzip_unpacks_to_the_same() {
    let mut server = Server::start(|| answer("200 OK", "", b"")).await;
    let mut config = http(server.url(""));
    config.compression = Compression::Gzip;
    assert_eq!(connect(config).unwrap().deliver(&batch()).await, Outcome::all());
    let got = server.requests.recv().await.unwrap();
    assert_eq!(got.header("content-encoding"), Some("gzip"));
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(got.body.as_slice()).read_to_end(&mut plain).unwrap();
    assert_eq!(ExportTraceServiceRequest::decode(plain.as_slice()).unwrap(), expected());
}

#[tokio::test]
async fn one_connection_serves_many_batches() {
    let mut server = Server::start(|| answer("200 OK", "", b"")).await;
    let mut destination = connect(http(server.url(""))).unwrap();
    for _ in 0..3 {
        assert_eq!(destination.deliver(&batch()).await, Outcome::all());
        assert_eq!(server.requests.recv().await.unwrap().connection, 0);
    }
}

/// What the specification says of a status: 2xx is a success, and of the others four are tried again.
/// 1xx announces an answer that never comes, and 413 asks for smaller requests.
fn expected_of(code: u16) -> &'static str {
    match code {
        // Not an announcement: with it, the connection is no longer HTTP.
        101 => "rejected",
        100..200 => "retried",
        200..300 => "delivered",
        413 => "too large",
        429 | 502 | 503 | 504 => "retried",
        _ => "rejected",
    }
}

#[tokio::test]
async fn every_status_means_what_the_specification_says() {
    for code in 100..600 {
        let outcome = outcome_of(move || {
            let Answer::Bytes(bytes) = answer(&format!("{code} X"), "", b"") else { unreachable!() };
            Answer::Last(bytes)
        })
        .await;
        let got = match outcome {
            Outcome::Delivered(ref what) if *what == Delivered::default() => "delivered",
            Outcome::Retry { after: None, .. } => "retried",
            Outcome::TooLarge(_) => "too large",
            Outcome::Rejected(_) => "rejected",
            _ => "something else",
        };
        assert_eq!(got, expected_of(code), "{code}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_known_by_its_status_or_words() {
    let words = "http: request body too large";
    for (status, body) in [("413 Content Too Large", ""), ("400 Bad Request", words)] {
        let outcome = outcome_of(move || answer(status, "", body)).await;
        let Outcome::TooLarge(error) = outcome else { panic!("{status}: {outcome:?}") };
        assert!(error.to_string().contains("raise its limit"), "{error}");
    }
    // A receiver that fails for reasons of its own while it mentions sizes is not asked again in parts.
    rejected(outcome_of(move || answer("500 Oops", "", words)).await);
}

/// Servers refuse a large body by its announced length, without reading it.
#[tokio::test]
async fn a_refusal_is_heard_while_the_body_is_still_being_sent() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 64];
        stream.read_exact(&mut head).await.unwrap();
        let refusal = b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(refusal).await.unwrap();
        // Not a byte more is read: the sender could wait for ever.
        std::future::pending::<()>().await;
    });
    let large: Vec<_> = spans().into_iter().cycle().take(60_000).collect();
    let outcome = connect(config(url)).unwrap().deliver(&Batch::from_spans(&large)).await;
    assert!(matches!(outcome, Outcome::TooLarge(_)), "{outcome:?}");
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    for (text, expected) in [
        ("0", Some(0)),
        ("15", Some(15)),
        ("600", Some(600)),
        ("31536000", Some(86_400)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Sun, 06 Nov 1994 08:49:37 GMT\r\ndate: Sun, 06 Nov 1994 08:49:07 GMT", Some(30)),
        ("soon", None),
        ("-15", None),
        ("\u{ff}", None),
    ] {
        for status in ["429 Too Many Requests", "503 Service Unavailable"] {
            let outcome = outcome_of(move || answer(status, &format!("retry-after: {text}\r\n"), b"")).await;
            assert_eq!(retried(outcome).0, expected.map(Duration::from_secs), "{status} {text}");
        }
        // Nobody asked for another try.
        let permanent =
            outcome_of(move || answer("500 Oops", &format!("retry-after: {text}\r\n"), b"")).await;
        rejected(permanent);
    }
}

#[tokio::test]
async fn partial_success_is_counted_in_both_encodings() {
    let expected = Delivered { rejected: 1, oversize: 0, message: Some("one has no id".to_owned()) };
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "one has no id".to_owned() };
    let protobuf = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    assert_eq!(delivered(outcome_of(move || answer("200 OK", "", &protobuf)).await), expected);
    let json = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"one has no id"}}"#;
    assert_eq!(
        delivered(outcome_of(move || answer("200 OK", "content-type: application/json\r\n", json)).await),
        expected
    );
    let absurd = ExportTracePartialSuccess { rejected_spans: i64::MAX, error_message: String::new() };
    let absurd = ExportTraceServiceResponse { partial_success: Some(absurd) }.encode_to_vec();
    assert_eq!(
        delivered(outcome_of(move || answer("200 OK", "", &absurd)).await).rejected,
        2,
        "no more than were sent"
    );
}

/// Nobody asked for compression, and some proxies compress all the same.
#[tokio::test]
async fn a_compressed_response_is_read() {
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: String::new() };
    let partial = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let gzip = |plain: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    let headers = "content-type: application/x-protobuf\r\ncontent-encoding: gzip\r\n";
    let body = gzip(&partial);
    assert_eq!(delivered(outcome_of(move || answer("200 OK", headers, &body)).await).rejected, 1);
    let bomb = gzip(&vec![0; 5 << 20]);
    let error = rejected(outcome_of(move || answer("200 OK", headers, &bomb)).await);
    assert!(error.contains("4 MiB"), "{error}");
    let error = rejected(outcome_of(move || answer("200 OK", headers, b"no")).await);
    assert!(error.contains("unknown way"), "{error}");
    let headers = "content-encoding: br\r\n";
    let error = rejected(outcome_of(move || answer("200 OK", headers, b"no")).await);
    assert!(error.contains("unknown way"), "{error}");
}

#[tokio::test]
async fn a_success_that_is_none_never_counts_as_delivered() {
    let page =
        rejected(outcome_of(|| answer("200 OK", "content-type: text/html\r\n", "<html>welcome")).await);
    assert!(page.contains("web page") && page.contains("OTLP_ENDPOINT"), "{page}");
    let bare = rejected(outcome_of(|| answer("200 OK", "", "<!doctype html>")).await);
    assert!(bare.contains("web page"), "{bare}");
    rejected(outcome_of(|| answer("200 OK", "", "OK")).await);
    // By chance these bytes are protobuf.
    rejected(outcome_of(|| answer("200 OK", "content-type: text/plain\r\n", "Hi")).await);
    rejected(outcome_of(|| answer("200 OK", "", b"\x0a\x06\x08\x03\x12")).await);
    rejected(
        outcome_of(|| answer("200 OK", "content-type: application/json\r\n", "{\"partialSuccess\":")).await,
    );
    let large = rejected(outcome_of(|| answer("200 OK", "", vec![b'{'; 5 << 20])).await);
    assert!(large.contains("4 MiB"), "{large}");
    let (_, cut) = retried(
        outcome_of(|| Answer::Last(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec())).await,
    );
    assert!(cut.contains("broke"), "{cut}");
}

#[tokio::test]
async fn errors_say_what_to_do_and_keep_secrets() {
    let cases: [(&str, &str, &str, &[&str]); 6] = [
        ("404 Not Found", "", "no route", &["/v1/traces", "OTLP_ENDPOINT", "no route"]),
        ("401 Unauthorized", "", "bad key canary-key", &["headers", "bad key <hidden>"]),
        ("403 Forbidden", "", "", &["headers"]),
        (
            "302 Found",
            "location: https://login.example/?token=canary\r\n",
            "",
            &["login.example", "not followed"],
        ),
        ("400 Bad Request", "", "Client sent an HTTP request to an HTTPS server.", &["https://"]),
        ("500 Oops", "content-type: text/html\r\n", "<html>", &["a web page"]),
    ];
    for (status, headers, body, words) in cases {
        let mut server = Server::start(move || answer(status, headers, body)).await;
        let mut config = http(format!("http://user:canary-pass@{}/in/?q=canary", server.address));
        config.headers.push(("x-api-key".to_owned(), "canary-key".to_owned().into()));
        let mut destination = connect(config).unwrap();
        let error = rejected(destination.deliver(&batch()).await);
        for word in words {
            assert!(error.contains(word), "{status}: {error}");
        }
        assert!(error.starts_with(&format!("http://{}/in/v1/traces: ", server.address)), "{error}");
        assert!(!error.contains("canary"), "{error}");
        let got = server.requests.recv().await.unwrap();
        assert!(got.head.starts_with("POST /in/v1/traces?q=canary "), "{}", got.head);
        assert_eq!(got.header("authorization"), Some("Basic dXNlcjpjYW5hcnktcGFzcw=="));
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let mut other = Server::start(|| answer("200 OK", "", b"")).await;
    let location = format!("location: {}\r\n", other.url("/v1/traces"));
    let error = rejected(outcome_of(move || answer("307 Temporary Redirect", &location, b"")).await);
    assert!(error.contains("127.0.0.1"), "{error}");
    assert!(other.requests.try_recv().is_err(), "nothing was sent to where it pointed");
}

#[tokio::test]
async fn refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (after, error) = retried(deliver_to(format!("http://{address}/v1/traces")).await);
    assert_eq!(after, None);
    assert!(error.contains("nothing listens there") && error.contains("OTLP_ENDPOINT"), "{error}");
}

#[tokio::test]
async fn hung_up() {
    retried(outcome_of(|| Answer::Last(Vec::new())).await);
    let error = retried(outcome_of(|| Answer::Last(b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0@\0".to_vec())).await).1;
    assert!(error.contains("not speak HTTP/1.1"), "{error}");
}

/// The limit is for the whole exchange, however steadily something comes.
#[tokio::test]
async fn silence_and_trickle_end_at_the_limit() {
    let trickle = || Answer::Trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n".to_vec());
    let head = || Answer::Trickle(b"HTTP/1.1 200 OK\r\nx-a: ".to_vec());
    for respond in [|| Answer::Silence, trickle, head] {
        let server = Server::start(respond).await;
        let mut config = http(server.url(""));
        config.timeout = Duration::from_millis(200);
        let start = Instant::now();
        let error = retried(connect(config).unwrap().deliver(&batch()).await).1;
        assert!(error.contains("200ms"), "{error}");
        assert!(start.elapsed() >= Duration::from_millis(200));
    }
}

/// A refusal is known by its status, even when the words that go with it never end.
#[tokio::test]
async fn a_refusal_that_never_ends_is_one() {
    let server =
        Server::start(|| Answer::Trickle(b"HTTP/1.1 400 No\r\ncontent-length: 100000000\r\n\r\n".to_vec()))
            .await;
    let mut config = http(server.url(""));
    config.timeout = Duration::from_millis(200);
    rejected(connect(config).unwrap().deliver(&batch()).await);
}

#[tokio::test]
async fn the_configuration_shows_no_secret() {
    let mut config = http("http://me:canary@localhost:1/?canary".to_owned());
    config.headers.push(("authorization".to_owned(), "canary".to_owned().into()));
    let target = tracer_factory_core::http::otlp::OtlpTarget::from_config(
        "X",
        Endpoint::parse(config.endpoint.as_deref().unwrap(), Endpoint::HTTP).unwrap(),
        &config,
    );
    let text = format!(
        "{target:?} {:?}",
        tracer_factory_core::http::otlp::otlp_destination(target.clone()).unwrap()
    );
    assert!(!text.contains("canary"), "{text}");
}
