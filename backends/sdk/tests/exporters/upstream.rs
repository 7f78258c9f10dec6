//! `otlp-sdk` and `zipkin-sdk`: settings arrive, and failures are told apart.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Status};
use tracer_factory_core::config::{Compression, OtlpProtocol};
use tracer_factory_core::delivery::Outcome;
use tracer_factory_sdk::{OTLP_SDK, ZIPKIN_SDK};

use crate::support::*;

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn headers_and_gzip_over_grpc() {
    let (url, kept) = grpc(None).await;
    let mut destination = connect(&OTLP_SDK, |config| {
        config.otlp.endpoint = Some(url.replace("http://", "http://me:pass@"));
        config.otlp.compression = Compression::Gzip;
        config.otlp.headers.push(("x-api-key".to_owned(), "k".to_owned().into()));
    });
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
    destination.close().await;
    let kept = kept.lock().unwrap();
    assert_eq!(kept[0].metadata().get("x-api-key").unwrap(), "k");
    assert_eq!(kept[0].metadata().get("authorization").unwrap(), "Basic bWU6cGFzcw==");
    assert_eq!(kept[0].get_ref().resource_spans.len(), 1);
}

#[tokio::test]
async fn tls_over_grpc_trusts_the_authority_that_is_given() {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let identity = Identity::from_pem(certified.cert.pem(), certified.signing_key.serialize_pem());
    let server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
    let (url, kept) = grpc_from(server, None).await;
    let files = tempfile::tempdir().unwrap();
    let ca_file = files.path().join("ca.pem");
    std::fs::write(&ca_file, certified.cert.pem()).unwrap();
    let deliver = async |ca_file| {
        let mut destination = connect(&OTLP_SDK, |config| {
            config.otlp.endpoint = Some(url.replace("http:", "https:"));
            config.otlp.tls.ca_file = ca_file;
        });
        destination.deliver(&batch()).await
    };
    let outcome = deliver(None).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    assert!(kept.lock().unwrap().is_empty());
    assert_eq!(deliver(Some(ca_file)).await, Outcome::all());
    assert_eq!(kept.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn headers_and_gzip_over_http() {
    let (url, kept) = http(FINE).await;
    let mut destination = connect(&OTLP_SDK, |config| {
        config.otlp.endpoint = Some(format!("{url}/in?q=1"));
        config.otlp.compression = Compression::Gzip;
        config.otlp.headers.push(("x-api-key".to_owned(), "k".to_owned().into()));
    });
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
    let kept = kept.lock().unwrap();
    let (head, body) = &kept[0];
    assert!(head.starts_with("POST /in/v1/traces?q=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("x-api-key: k") && head.contains("content-encoding: gzip"), "{head}");
    assert_eq!(body[..2], [0x1f, 0x8b]);
    assert!(ExportTraceServiceRequest::decode(body.as_slice()).is_err(), "packed");
}

#[tokio::test]
async fn json() {
    let (url, kept) = http("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let mut destination = connect(&OTLP_SDK, |config| {
        config.otlp.endpoint = Some(url);
        config.otlp.protocol = Some(OtlpProtocol::HttpJson);
    });
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
    let kept = kept.lock().unwrap();
    let request: serde_json::Value = serde_json::from_slice(&kept[0].1).unwrap();
    assert_eq!(request.pointer("/resourceSpans/0/scopeSpans/0/spans").unwrap().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn http_failures_are_those_of_the_native_backend() {
    let deliver = async |answer| {
        let (url, _) = http(answer).await;
        connect(&OTLP_SDK, |config| config.otlp.endpoint = Some(format!("{url}/v1/traces")))
            .deliver(&batch())
            .await
    };
    let busy = deliver("HTTP/1.1 503 Busy\r\nretry-after: 15\r\ncontent-length: 0\r\n\r\n").await;
    assert!(
        matches!(busy, Outcome::Retry { after: Some(after), .. } if after == Duration::from_secs(15)),
        "{busy:?}"
    );
    let bad = deliver("HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(bad, Outcome::Rejected(_)), "{bad:?}");
    let page = deliver("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>").await;
    assert!(matches!(page, Outcome::Rejected(_)), "{page:?}");
}

#[tokio::test]
async fn grpc_failures_are_told_apart_by_their_code() {
    for code in 1..=16 {
        let (url, _) = grpc(Some(Status::new(Code::from_i32(code), "words"))).await;
        let outcome = connect(&OTLP_SDK, |config| config.otlp.endpoint = Some(url)).deliver(&batch()).await;
        let retryable = matches!(code, 1 | 4 | 8 | 10 | 11 | 14 | 15);
        assert_eq!(matches!(outcome, Outcome::Retry { .. }), retryable, "{code}: {outcome:?}");
        assert_eq!(matches!(outcome, Outcome::Rejected(_)), !retryable, "{code}: {outcome:?}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = connect(&OTLP_SDK, |config| config.otlp.endpoint = Some(format!("http://{free}")))
        .deliver(&batch())
        .await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}

#[tokio::test]
async fn zipkin_gets_json() {
    let (url, kept) = http("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
    let mut destination =
        connect(&ZIPKIN_SDK, |config| config.zipkin.endpoint = format!("{url}/api/v2/spans"));
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
    let kept = kept.lock().unwrap();
    assert!(kept[0].0.starts_with("POST /api/v2/spans "), "{}", kept[0].0);
    let spans: serde_json::Value = serde_json::from_slice(&kept[0].1).unwrap();
    assert_eq!(spans.as_array().unwrap().len(), 5);
    assert_eq!(spans[0]["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(spans[0]["kind"], "SERVER");
    assert_eq!(spans[0]["duration"], 500_000);
}

#[tokio::test]
async fn a_base_url_of_zipkin_gets_the_usual_path_and_another_path_is_kept() {
    let (url, kept) = http("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
    for given in ["", "/", "?key=1", "/gateway/spans/"] {
        let mut destination = connect(&ZIPKIN_SDK, |config| config.zipkin.endpoint = format!("{url}{given}"));
        assert_eq!(destination.deliver(&batch()).await, Outcome::all());
    }
    let kept = kept.lock().unwrap();
    let targets: Vec<_> = kept.iter().map(|(head, _)| head.split(' ').nth(1).unwrap()).collect();
    assert_eq!(targets, ["/api/v2/spans", "/api/v2/spans", "/api/v2/spans?key=1", "/gateway/spans/"]);
}

#[tokio::test]
async fn a_zipkin_that_is_not_there() {
    let (url, _) = http("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n").await;
    let outcome = connect(&ZIPKIN_SDK, |config| config.zipkin.endpoint = url).deliver(&batch()).await;
    let Outcome::Rejected(error) = outcome else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("/api/v2/spans"), "{error}");
}
