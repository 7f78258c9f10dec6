//! Bad input: a clear status, nothing stored, and the server goes on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::*;
use prost::Message;
use tracer_factory_agent_session::{Server, ServerConfig, ServerError, ServerHandle};

fn ingest(server: &ServerHandle, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    post(&format!("{}/v1/traces", server.url()), headers, body)
}

/// google.rpc.Status, as far as OTLP uses it.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[test]
fn content_types_and_encodings() {
    let server = start();
    let body = protobuf("s", vec![span(1, 1, 0, "a")]);
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/x-protobuffy",
        "multipart/form-data",
        "",
    ] {
        let answer = ingest(&server, &[("content-type", content_type)], &body);
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (415, "application/json"),
            "{content_type}"
        );
        assert!(answer.text().contains("application/x-protobuf"));
    }
    for encoding in ["br", "deflate", "gzip, gzip"] {
        assert_eq!(
            ingest(&server, &[PROTOBUF, ("content-encoding", encoding)], &body).status,
            415,
            "{encoding}"
        );
    }
    assert_eq!(ingest(&server, &[PROTOBUF, ("content-encoding", "identity")], &body).status, 200);
}

#[test]
fn garbage_is_a_bad_request_in_its_own_encoding() {
    let server = start();
    let answer = ingest(&server, &[PROTOBUF], b"\x0a\xff\xff garbage");
    assert_eq!((answer.status, answer.content_type.as_str()), (400, "application/x-protobuf"));
    let status = Status::decode(&answer.body[..]).unwrap();
    assert!(status.code == 3 && status.message.contains("protobuf"), "{status:?}");
    let answer = ingest(&server, &[JSON], b"{\"resourceSpans\": oops}");
    assert_eq!((answer.status, answer.content_type.as_str()), (400, "application/json"));
    assert!(answer.json()["message"].as_str().unwrap().contains("line 1 column 19"), "{}", answer.text());

    let deep = "[".repeat(10_000);
    let open = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":"#;
    let nested = format!("{open}{}", r#"{"arrayValue":{"values":["#.repeat(10_000));
    for json in [deep.as_str(), nested.as_str(), "[]", "1", "", "{}x", "{\"resourceSpans\":{}}"] {
        assert_eq!(ingest(&server, &[JSON], json.as_bytes()).status, 400, "{:.40}", json);
    }
    // The same nesting in protobuf: AnyValue in ArrayValue, ten thousand times.
    let mut value = Vec::new();
    for _ in 0..10_000 {
        for key in [0x0a, 0x2a] {
            let mut outer = vec![key];
            prost::encoding::encode_varint(value.len() as u64, &mut outer);
            outer.extend_from_slice(&value);
            value = outer;
        }
    }
    let mut message = span(1, 1, 0, "deep");
    message.attributes.clear();
    let mut message = message.encode_to_vec();
    for key in [0x12, 0x4a] {
        let mut outer = vec![key];
        prost::encoding::encode_varint(value.len() as u64, &mut outer);
        outer.extend_from_slice(&value);
        value = outer;
    }
    message.extend_from_slice(&value);
    for key in [0x12, 0x12, 0x0a] {
        let mut outer = vec![key];
        prost::encoding::encode_varint(message.len() as u64, &mut outer);
        outer.extend_from_slice(&message);
        message = outer;
    }
    let answer = ingest(&server, &[PROTOBUF], &message);
    assert_eq!(answer.status, 400);
    assert!(Status::decode(&answer.body[..]).unwrap().message.contains("deep"));
    assert_eq!(server.health().spans, 0);
}

#[test]
fn bodies_are_bounded_before_and_after_inflating() {
    let server = start();
    let large = vec![0u8; 30 << 20];
    let answer = ingest(&server, &[PROTOBUF], &large);
    assert_eq!(answer.status, 413);
    assert!(Status::decode(&answer.body[..]).unwrap().message.contains("20 MiB"));
    let bomb = gzip(&large);
    assert!(bomb.len() < 100 << 10);
    let answer = ingest(&server, &[PROTOBUF, GZIP], &bomb);
    assert_eq!(answer.status, 413);
    assert!(Status::decode(&answer.body[..]).unwrap().message.contains("100 times"));
    // Beyond the size and not beyond the ratio: noise, repeated outside of gzip's window.
    let mut seed = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    })
    .take(21 << 20)
    .collect();
    let answer = ingest(&server, &[PROTOBUF, GZIP], &gzip(&noise));
    assert_eq!(answer.status, 413);
    assert!(Status::decode(&answer.body[..]).unwrap().message.contains("20 MiB"));
    // Real spans repeat themselves a lot and are no bomb.
    let spans = (1..=5_000).map(|id| span(1, id, 0, "the same name again and again")).collect();
    assert_eq!(ingest(&server, &[PROTOBUF, GZIP], &gzip(&protobuf("s", spans))).status, 200);
    assert_eq!(server.health().spans, 5_000);
}

#[test]
fn broken_gzip_is_a_bad_request() {
    let server = start();
    let whole = gzip(&protobuf("s", vec![span(1, 1, 0, "a")]));
    for cut in
        [0, 1, 9, 10, 30, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 4, whole.len() - 1]
    {
        let answer = ingest(&server, &[PROTOBUF, GZIP], &whole[..cut]);
        assert_eq!(answer.status, 400, "cut to {cut} of {}", whole.len());
    }
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    let trailing = [&whole[..], b"trailing"].concat();
    for body in [&wrong_sum[..], &trailing, b"not gzip at all"] {
        assert_eq!(ingest(&server, &[PROTOBUF, GZIP], body).status, 400);
    }
    assert_eq!(server.health().spans, 0);
    // Two members in a row are one stream.
    let half = |id| gzip(&protobuf("s", vec![span(1, id, 0, "a")]));
    assert_eq!(ingest(&server, &[PROTOBUF, GZIP], &[half(1), half(2)].concat()).status, 200);
    assert_eq!(server.health().spans, 2);
}

#[test]
fn a_request_that_breaks_off_stores_nothing() {
    let server = start();
    let body = protobuf("s", vec![span(1, 1, 0, "a")]);
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        server.addr(),
        body.len()
    );
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.write_all(&[head.as_bytes(), &body[..body.len() - 1]].concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // A 400 or just the end: the sender is gone anyway.
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(server.health().spans, 0);
    assert!(raw(&server, &[head.as_bytes(), &body].concat()).starts_with("HTTP/1.1 200"));
    assert_eq!(server.health().spans, 1);
}

#[test]
fn other_sites_and_other_names_for_this_machine() {
    let server = start();
    let own = server.addr().to_string();
    let ask = |host: &str, more: &str| {
        raw(&server, format!("GET /healthz HTTP/1.1\r\n{host}{more}Connection: close\r\n\r\n").as_bytes())
    };
    let good = ask(&format!("Host: {own}\r\n"), "");
    assert!(good.starts_with("HTTP/1.1 200"), "{good}");
    let lower = good.to_lowercase();
    for header in [
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "content-security-policy: default-src 'none'",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(lower.contains(header), "{header} in {good}");
    }
    assert!(!lower.contains("access-control-"), "{good}");
    let localhost = format!("Host: localhost:{}\r\n", server.addr().port());
    assert!(ask(&localhost, &format!("Origin: http://{own}\r\n")).starts_with("HTTP/1.1 200"));
    for (host, more) in [
        ("Host: evil.example\r\n".to_owned(), ""),
        (format!("Host: evil.example:{}\r\n", server.addr().port()), ""),
        ("Host: 127.0.0.1\r\n".to_owned(), ""),
        (String::new(), ""),
        (format!("Host: {own}\r\n"), "Origin: http://evil.example\r\n"),
        (format!("Host: {own}\r\n"), "Origin: null\r\n"),
    ] {
        let answer = ask(&host, more);
        assert!(
            answer.starts_with("HTTP/1.1 403") || answer.starts_with("HTTP/1.1 400"),
            "{host}{more}: {answer}"
        );
    }
    let body = protobuf("s", vec![span(1, 1, 0, "a")]);
    let answer = ingest(&server, &[PROTOBUF, ("origin", "http://evil.example")], &body);
    assert_eq!((answer.status, server.health().spans), (403, 0));
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
}

#[test]
fn a_page_writes_only_with_the_token_that_it_was_given() {
    let server = start();
    let own = format!("http://{}", server.addr());
    let body = protobuf("s", vec![span(1, 1, 0, "a")]);
    let refused = ingest(&server, &[PROTOBUF, ("origin", &own)], &body);
    assert_eq!((refused.status, server.health().spans), (403, 0));

    let page = get(&format!("{}/", server.url()));
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let token = cookie.split(';').next().unwrap();
    let taken = ingest(&server, &[PROTOBUF, ("origin", &own), ("cookie", token)], &body);
    assert_eq!((taken.status, server.health().spans), (200, 1));
    let foreign = ingest(&server, &[PROTOBUF, ("origin", "http://evil.example"), ("cookie", token)], &body);
    assert_eq!(foreign.status, 403);
}

#[test]
fn everything_else_is_json_and_not_found() {
    let server = start();
    for path in [
        "/assets/",
        "/assets/x.js",
        "/v1/metrics",
        "/api/traces/",
        "/api/traces/a/b",
        "/..%2f..%2fetc/passwd",
        "/healthz/",
    ] {
        let answer = get(&format!("{}{path}", server.url()));
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string());
    }
    let unknown = get(&format!("{}/api/traces/{:032x}", server.url(), 5));
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].as_str().unwrap().contains("00000000000000000000000000000005"));
    for bad in ["/api/traces/xyz", "/api/traces?limit=-1", "/api/traces?limit=x", "/api/traces?colour=red"] {
        let answer = get(&format!("{}{bad}", server.url()));
        assert!(answer.status == 400 && answer.json()["error"].is_string(), "{bad}: {}", answer.text());
    }
    let answer = get(&format!("{}/v1/traces", server.url()));
    assert_eq!((answer.status, answer.content_type.as_str()), (405, "application/json"));
}

#[test]
fn only_loopback_is_listened_on() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = Server::start(ServerConfig::new(listen.parse().unwrap())).unwrap_err();
        assert!(
            matches!(error, ServerError::NotLoopback { .. }) && error.to_string().contains(listen),
            "{error}"
        );
    }
}

#[test]
fn slow_and_silent_clients_do_not_hold_others_up() {
    let server = start();
    let mut silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(server.addr()).unwrap()).collect();
    for stream in &mut silent {
        stream.write_all(b"POST /v1/traces HTTP/1.1\r\nHos").unwrap();
    }
    assert_eq!(get(&format!("{}/healthz", server.url())).status, 200);
    // A stop does not wait for them beyond its grace.
    let started = std::time::Instant::now();
    server.stop();
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    for mut stream in silent {
        // Closed or reset: no matter, as long as it is over.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}
