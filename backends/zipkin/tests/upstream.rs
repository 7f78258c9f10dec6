//! The same spans through opentelemetry-zipkin and through ours are equal, but for what is listed here.
#![expect(deprecated, reason = "upstream's exporter is deprecated and still the reference")]
#![expect(clippy::unwrap_used, reason = "a step that fails, fails the test")]

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use opentelemetry::trace as otel;
use opentelemetry::{Array, KeyValue, StringValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_sdk::trace::{SpanEvents, SpanExporter, SpanLinks};
use opentelemetry_zipkin::ZipkinExporter;
use serde_json::{Map, Value as Json};
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::span::{Event, InstrumentationScope, SpanData, SpanKind, Status, StatusCode};
use tracer_factory_core::value::{AttrValue, Value};
use tracer_factory_zipkin::Encoder;

/// Takes requests and keeps their bodies.
#[derive(Debug, Clone, Default)]
struct Capture(Arc<Mutex<Vec<Bytes>>>);

#[async_trait::async_trait]
impl HttpClient for Capture {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        assert_eq!(request.headers()["content-type"], "application/json");
        self.0.lock().unwrap().push(request.into_body());
        Ok(http::Response::new(Bytes::new()))
    }
}

async fn upstream(spans: &[SpanData]) -> Json {
    let capture = Capture::default();
    // Whoever else is built with it may have chosen its blocking client, which it then makes even when it is given
    // another one, and which panics inside a runtime.
    let client = capture.clone();
    let build = move || ZipkinExporter::builder().with_http_client(client).build().unwrap();
    let exporter = std::thread::spawn(build).join().unwrap();
    exporter.export(spans.iter().map(to_upstream).collect()).await.unwrap();
    let bodies = capture.0.lock().unwrap();
    serde_json::from_slice(&bodies[0]).unwrap()
}

fn ours(spans: &[SpanData]) -> Json {
    serde_json::from_slice(&Encoder::new().encode(spans.iter().cloned()).body).unwrap()
}

/// Takes from upstream's span what ours leaves out or has better, each for its reason.
fn without_differences(upstream: &Json) -> Json {
    let mut span: Map<String, Json> = upstream.as_object().unwrap().clone();
    // Zipkin's default for both is false, and the mapping wants what can be absent left out.
    assert_eq!(span.remove("debug"), Some(false.into()));
    assert_eq!(span.remove("shared"), Some(false.into()));
    // A root has no parent; Zipkin turns upstream's zeros into that.
    span.retain(|key, value| key != "parentId" || value != "0000000000000000");
    // Zipkin takes zero for "unknown", so that the shortest span has one microsecond.
    if span["duration"] == 0 {
        span["duration"] = 1.into();
    }
    // Upstream never learns the service's name, without which Zipkin has neither search nor graph.
    assert_eq!(span.remove("localEndpoint"), Some(Json::Object(Map::new())));
    // What can be absent is left out.
    span.retain(|key, value| key != "annotations" || !value.as_array().unwrap().is_empty());
    // Events keep their attributes in ours, as the mapping asks; upstream drops them.
    for annotation in span.get_mut("annotations").into_iter().flat_map(|list| list.as_array_mut().unwrap()) {
        if annotation["value"] == "with attributes" {
            annotation["value"] = r#""with attributes":{"n":1}"#.into();
        }
    }
    let tags = span["tags"].as_object_mut().unwrap();
    // Upstream knows only the old names of the scope, and writes them when they are empty.
    tags.retain(|key, value| !key.starts_with("otel.library.") || value != "");
    for part in ["name", "version"] {
        if let Some(value) = tags.get(&format!("otel.library.{part}")).cloned() {
            tags.insert(format!("otel.scope.{part}"), value);
        }
    }
    // Upstream forgets to escape text in arrays, which makes JSON that no one can read.
    if let Some(texts) = tags.get_mut("texts") {
        assert_eq!(*texts, r#"["a"b","c"]"#);
        *texts = r#"["a\"b","c"]"#.into();
    }
    // An array with doubles shows them as JSON does.
    if let Some(doubles) = tags.get_mut("doubles") {
        assert_eq!(*doubles, "[1,2.5]");
        *doubles = "[1.0,2.5]".into();
    }
    Json::Object(span)
}

/// Takes from our span what upstream has no equivalent for.
fn without_additions(ours: &Json) -> Json {
    let mut span: Map<String, Json> = ours.as_object().unwrap().clone();
    assert!(span.remove("localEndpoint").unwrap()["serviceName"].is_string());
    if let Some(remote) = span.remove("remoteEndpoint") {
        assert_eq!(remote["serviceName"], "llm");
    }
    Json::Object(span)
}

fn to_upstream(span: &SpanData) -> opentelemetry_sdk::trace::SpanData {
    let time = |nanos| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
    let mut events = SpanEvents::default();
    events.events = span
        .events
        .iter()
        .map(|event| {
            let attributes = event.attributes.iter().map(key_value).collect();
            otel::Event::new(event.name.clone(), time(event.time_unix_nanos), attributes, 0)
        })
        .collect();
    let scope = opentelemetry::InstrumentationScope::builder(span.scope.name.clone())
        .with_version(span.scope.version.clone())
        .build();
    opentelemetry_sdk::trace::SpanData {
        span_context: otel::SpanContext::new(
            otel::TraceId::from_bytes(span.trace_id().to_bytes()),
            otel::SpanId::from_bytes(span.span_id().to_bytes()),
            otel::TraceFlags::SAMPLED,
            false,
            otel::TraceState::NONE,
        ),
        parent_span_id: otel::SpanId::from_bytes(span.parent_span_id.unwrap_or_default().to_bytes()),
        parent_span_is_remote: false,
        span_kind: match span.kind {
            SpanKind::Server => otel::SpanKind::Server,
            SpanKind::Client => otel::SpanKind::Client,
            SpanKind::Producer => otel::SpanKind::Producer,
            SpanKind::Consumer => otel::SpanKind::Consumer,
            _ => otel::SpanKind::Internal,
        },
        name: Cow::Owned(span.name.clone()),
        start_time: time(span.start_unix_nanos),
        end_time: time(span.end_unix_nanos),
        attributes: span.attributes.iter().map(key_value).collect(),
        dropped_attributes_count: 0,
        events,
        links: SpanLinks::default(),
        status: match span.status.code {
            StatusCode::Unset => otel::Status::Unset,
            StatusCode::Ok => otel::Status::Ok,
            StatusCode::Error => otel::Status::error(span.status.message.clone()),
        },
        instrumentation_scope: scope,
    }
}

fn key_value((key, value): &(String, Value)) -> KeyValue {
    let value: opentelemetry::Value = match value {
        AttrValue::Str(text) => text.to_string().into(),
        AttrValue::Bool(value) => (*value).into(),
        AttrValue::Int(value) => (*value).into(),
        AttrValue::Double(value) => (*value).into(),
        AttrValue::Array(items) => match &items[0] {
            AttrValue::Str(_) => {
                let texts = items.iter().map(|item| StringValue::from(item.as_str().unwrap().to_owned()));
                opentelemetry::Value::Array(Array::String(texts.collect()))
            }
            AttrValue::Double(_) => {
                let double = |item: &Value| if let AttrValue::Double(value) = item { *value } else { 0.0 };
                opentelemetry::Value::Array(Array::F64(items.iter().map(double).collect()))
            }
            _ => opentelemetry::Value::Array(Array::I64(items.iter().filter_map(Value::as_int).collect())),
        },
        other => panic!("upstream has no {other:?}"),
    };
    KeyValue::new(key.clone(), value)
}

fn spans() -> Vec<SpanData> {
    let base = |id: u64| SpanData {
        context: SpanContext::new(TraceId::from_int(0xfeed << 70), SpanId::from_int(id), TraceFlags::SAMPLED),
        name: format!("Operation {id} \"quoted\"\u{1}😀"),
        start_unix_nanos: 1_700_000_000_123_456_789,
        end_unix_nanos: 1_700_000_000_987_654_321,
        ..SpanData::default()
    };
    let kinds =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    let mut spans: Vec<SpanData> = (1..).zip(kinds).map(|(id, kind)| SpanData { kind, ..base(id) }).collect();
    spans.extend([
        SpanData { end_unix_nanos: 1_700_000_000_123_456_800, ..base(6) },
        SpanData { end_unix_nanos: 1_600_000_000_000_000_000, ..base(7) },
        SpanData {
            parent_span_id: Some(SpanId::from_int(1)),
            kind: SpanKind::Client,
            scope: Arc::new(InstrumentationScope { name: "library".into(), version: "1.2.3".into() }),
            attributes: vec![
                ("text".into(), "line\nbreak".into()),
                ("int".into(), i64::MIN.into()),
                ("double".into(), 0.1.into()),
                ("whole".into(), 3.0.into()),
                ("nan".into(), f64::NAN.into()),
                ("infinite".into(), f64::NEG_INFINITY.into()),
                ("large".into(), 1e300.into()),
                ("bool".into(), true.into()),
                ("texts".into(), Value::Array(vec!["a\"b".into(), "c".into()])),
                ("ints".into(), Value::Array(vec![1.into(), 2.into()])),
                ("doubles".into(), Value::Array(vec![1.0.into(), 2.5.into()])),
                ("error".into(), false.into()),
                ("peer.service".into(), "llm".into()),
            ],
            events: vec![
                Event {
                    name: "plain".into(),
                    time_unix_nanos: 1_700_000_000_200_000_999,
                    ..Event::default()
                },
                Event {
                    name: "with attributes".into(),
                    time_unix_nanos: 1_700_000_000_300_000_000,
                    attributes: vec![("n".into(), 1.into())],
                    ..Event::default()
                },
            ],
            ..base(8)
        },
    ]);
    for (id, (code, message)) in
        (9..).zip([(StatusCode::Ok, ""), (StatusCode::Error, ""), (StatusCode::Error, "went wrong")])
    {
        spans.push(SpanData { status: Status { code, message: message.into() }, ..base(id) });
    }
    spans
}

#[tokio::test]
async fn equal_but_for_the_listed_differences() {
    let spans = spans();
    let (upstream, ours) = (upstream(&spans).await, ours(&spans));
    let (upstream, ours) = (upstream.as_array().unwrap(), ours.as_array().unwrap());
    assert_eq!((upstream.len(), ours.len()), (spans.len(), spans.len()));
    for (upstream, ours) in upstream.iter().zip(ours) {
        assert_eq!(without_additions(ours), without_differences(upstream));
    }
}
