//! Each real server starts from the cache, takes spans in, and shows them again: what every other
//! test here builds on. Nothing of the tracer itself is involved.

use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tracer_factory_testkit::servers::{Collector, Jaeger, Phoenix, Zipkin, http};

use crate::SHOWN_WITHIN;

const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";

#[test]
fn jaeger() {
    let jaeger = Jaeger::shared().unwrap();
    assert_eq!(http::get(&jaeger.query()).unwrap().status, 200);
    accepts_tcp(&jaeger.otlp_grpc());
    accepts_tcp(&jaeger.thrift_http());
    // Its port is taken, so somebody listens.
    let udp = jaeger.thrift_compact_udp();
    assert!(UdpSocket::bind(host_and_port(&udp)).is_err());

    export(&jaeger.otlp_http());
    let trace = jaeger.trace(TRACE_ID, 2, SHOWN_WITHIN).unwrap();
    assert_eq!(names(trace["spans"].as_array().unwrap(), "operationName"), ["child", "parent"]);
    assert_eq!(trace["processes"]["p1"]["serviceName"], "smoke");
}

#[test]
fn zipkin() {
    let zipkin = Zipkin::shared().unwrap();
    let timestamp = u64::try_from(now().as_micros()).unwrap();
    let span = |id: &str, kind: &str, service: &str| {
        json!({
            "traceId": TRACE_ID, "id": id, "name": "call", "kind": kind, "shared": kind == "SERVER",
            "timestamp": timestamp, "duration": 1000, "localEndpoint": {"serviceName": service},
        })
    };
    let id = "eee19b7ec3c1b174";
    let spans = json!([span(id, "CLIENT", "caller"), span(id, "SERVER", "callee")]);
    let reply = http::post(&zipkin.spans(), "application/json", spans.to_string().as_bytes()).unwrap();
    assert_eq!(reply.status, 202, "{}", reply.text());

    let trace = zipkin.trace(TRACE_ID, 2, SHOWN_WITHIN).unwrap();
    assert_eq!(names(&trace, "kind"), ["CLIENT", "SERVER"]);
    let links = zipkin.dependencies(1, SHOWN_WITHIN).unwrap();
    assert!(links.contains(&json!({"parent": "caller", "child": "callee", "callCount": 1})), "{links:?}");
}

#[test]
fn collector() {
    let collector = Collector::shared().unwrap();
    accepts_tcp(&collector.otlp_grpc());
    export(&collector.otlp_http());
    let spans = collector.spans(TRACE_ID, 2, SHOWN_WITHIN).unwrap();
    assert_eq!(names(&spans, "name"), ["child", "parent"]);
    let attributes = json!([{"key": "service.name", "value": {"stringValue": "smoke"}}]);
    let sent = |request: &Value| request["resourceSpans"][0]["resource"]["attributes"] == attributes;
    assert!(collector.received().iter().any(sent));
}

#[test]
fn phoenix() {
    let phoenix = Phoenix::shared().unwrap();
    assert_eq!(http::get(&phoenix.query()).unwrap().status, 200);
    accepts_tcp(&phoenix.otlp_grpc());
    export(&phoenix.otlp_http());
    let spans = phoenix.spans(TRACE_ID, 2, SHOWN_WITHIN).unwrap();
    assert_eq!(names(&spans, "name"), ["child", "parent"]);
}

#[test]
fn two_of_a_kind_run_side_by_side() {
    let one = Jaeger::start().unwrap();
    let other = Jaeger::start().unwrap();
    export(&one.otlp_http());
    one.trace(TRACE_ID, 2, SHOWN_WITHIN).unwrap();
    let error = other.trace(TRACE_ID, 1, Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains("trace not found"), "{error}");
}

#[test]
fn a_dropped_server_is_gone() {
    let jaeger = Jaeger::start().unwrap();
    let (query, log) = (jaeger.query(), jaeger.log().to_owned());
    assert!(log.exists());
    drop(jaeger);
    assert!(http::get(&query).is_err());
    assert!(!log.exists());
}

/// Posts a parent and a child, encoded by hand, which keeps every encoder under test out of this.
fn export(base: &str) {
    let reply = http::post(&format!("{base}/v1/traces"), "application/x-protobuf", &request()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// An OTLP `ExportTraceServiceRequest`.
fn request() -> Vec<u8> {
    let service = [field(1, b"service.name"), field(2, &field(1, b"smoke"))].concat();
    let resource = field(1, &service);
    let (parent, child) = (0xeee1_9b7e_c3c1_b174, 0xeee1_9b7e_c3c1_b175);
    let spans =
        [field(2, &span(parent, None, "parent")), field(2, &span(child, Some(parent), "child"))].concat();
    field(1, &[field(1, &resource), field(2, &spans)].concat())
}

fn span(id: u64, parent: Option<u64>, name: &str) -> Vec<u8> {
    let trace_id = u128::from_str_radix(TRACE_ID, 16).unwrap();
    let start = u64::try_from(now().as_nanos()).unwrap();
    [
        field(1, &trace_id.to_be_bytes()),
        field(2, &id.to_be_bytes()),
        parent.map(|id| field(4, &id.to_be_bytes())).unwrap_or_default(),
        field(5, name.as_bytes()),
        fixed64(7, start),
        fixed64(8, start + 1_000_000),
    ]
    .concat()
}

/// A protobuf field of bytes, text or a message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(bytes);
    field
}

/// A protobuf field of a fixed 64-bit number.
fn fixed64(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3 | 1];
    field.extend_from_slice(&value.to_le_bytes());
    field
}

fn names(items: &[Value], key: &str) -> Vec<String> {
    let mut names: Vec<_> = items.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn host_and_port(url: &str) -> &str {
    let rest = url.split_once("://").unwrap().1;
    rest.split('/').next().unwrap()
}

fn accepts_tcp(url: &str) {
    TcpStream::connect(host_and_port(url)).unwrap_or_else(|error| panic!("{url}: {error}"));
}
