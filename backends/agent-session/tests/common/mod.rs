//! A real client and real messages for the tests of the server.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file is a crate and uses its own part"
)]

use std::io::{Read, Write};
use std::net::TcpStream;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use tracer_factory_agent_session::{Server, ServerConfig, ServerHandle};

pub fn start() -> ServerHandle {
    Server::start(any_port()).unwrap()
}

/// A server, and the directory of one that keeps its traces on disk.
pub struct Placed {
    pub server: ServerHandle,
    directory: Option<tempfile::TempDir>,
}

impl std::ops::Deref for Placed {
    type Target = ServerHandle;

    fn deref(&self) -> &ServerHandle {
        &self.server
    }
}

impl Placed {
    /// The same traces in a server that was started anew, where there is a directory to find them in.
    pub fn restarted(self) -> Self {
        let Self { server, directory } = self;
        let Some(directory) = directory else { return Self { server, directory } };
        server.stop();
        Self { server: Server::start(in_directory(directory.path())).unwrap(), directory: Some(directory) }
    }
}

/// One server of each kind.
pub fn in_both_places() -> [Placed; 2] {
    let directory = tempfile::tempdir().unwrap();
    let on_disk = Server::start(in_directory(directory.path())).unwrap();
    [Placed { server: start(), directory: None }, Placed { server: on_disk, directory: Some(directory) }]
}

pub fn in_directory(directory: &std::path::Path) -> ServerConfig {
    let mut config = any_port();
    config.data = Some(directory.to_owned());
    config
}

pub fn any_port() -> ServerConfig {
    ServerConfig::new("127.0.0.1:0".parse().unwrap())
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into()
}

pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn of(mut response: ureq::http::Response<ureq::Body>) -> Self {
        Self {
            status: response.status().as_u16(),
            content_type: response
                .headers()
                .get("content-type")
                .map_or("", |v| v.to_str().unwrap())
                .to_owned(),
            headers: response.headers().clone(),
            body: response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap(),
        }
    }
}

pub fn get(url: &str) -> Answer {
    Answer::of(agent().get(url).call().unwrap())
}

pub fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = agent().post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send(body).unwrap())
}

pub const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub const JSON: (&str, &str) = ("content-type", "application/json");
pub const GZIP: (&str, &str) = ("content-encoding", "gzip");

/// Whatever is answered to bytes as they are, until the server closes the connection.
pub fn raw(server: &ServerHandle, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn pair(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A span with one of everything.
pub fn span(trace: u128, id: u64, parent: u64, name: &str) -> Span {
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
        trace_state: "vendor=1".to_owned(),
        flags: 0x301,
        name: name.to_owned(),
        kind: 3,
        start_time_unix_nano: 1_700_000_000_000_000_001,
        end_time_unix_nano: 1_700_000_000_500_000_001,
        attributes: vec![
            pair("text", Any::StringValue("ä \"quoted\" <script>".to_owned())),
            pair("int", Any::IntValue(i64::MIN)),
            pair("double", Any::DoubleValue(0.1)),
            pair("bool", Any::BoolValue(true)),
            pair("bytes", Any::BytesValue(vec![0, 255, 62, 63])),
            pair(
                "list",
                Any::ArrayValue(ArrayValue {
                    values: vec![AnyValue { value: Some(Any::IntValue(1)) }, AnyValue { value: None }],
                }),
            ),
            pair("map", Any::KvlistValue(KeyValueList { values: vec![pair("k", Any::BoolValue(false))] })),
        ],
        dropped_attributes_count: 4,
        events: vec![Event {
            time_unix_nano: 1_700_000_000_100_000_001,
            name: "event".to_owned(),
            attributes: vec![pair("n", Any::IntValue(7))],
            dropped_attributes_count: 5,
        }],
        dropped_events_count: 6,
        links: vec![Link {
            trace_id: 77u128.to_be_bytes().to_vec(),
            span_id: 78u64.to_be_bytes().to_vec(),
            trace_state: String::new(),
            attributes: vec![pair("l", Any::BoolValue(true))],
            dropped_attributes_count: 8,
            flags: 0x301,
        }],
        dropped_links_count: 9,
        status: Some(Status { message: "broke".to_owned(), code: 2 }),
    }
}

pub fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![pair("service.name", Any::StringValue(service.to_owned()))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "lib".to_owned(),
                    version: "1.2".to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

pub fn protobuf(service: &str, spans: Vec<Span>) -> Vec<u8> {
    request(service, spans).encode_to_vec()
}
