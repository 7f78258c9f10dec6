//! Spans as a Zipkin v2 JSON array, written straight from recorded bytes into bytes.

use std::sync::Arc;

use tracer_factory_core::delivery::Batch;
use tracer_factory_core::otlp::{EventRef, SpanRef};
use tracer_factory_core::span::{Resource, SpanData, SpanKind};

use crate::endpoint::{Endpoint, Host};
use crate::json::{Object, write_array, write_attributes, write_text};
use crate::tags::{ResourceTags, write_tags};

/// Encodes spans; what it learnt about the last resource is kept for the next span.
#[derive(Debug, Default)]
pub struct Encoder {
    resource: Arc<Resource>,
    sender: Sender,
}

/// What all spans of a resource have in common.
#[derive(Debug)]
struct Sender {
    host: Host,
    tags: ResourceTags,
}

/// A request's body and what could not be part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The JSON array.
    pub body: Vec<u8>,
    /// How many spans it has.
    pub spans: u64,
    /// Spans left out because they lack identifiers: one of them makes Zipkin refuse a whole request.
    pub invalid: u64,
}

impl Sender {
    fn of(resource: &Resource) -> Self {
        Self { host: Host::of(resource), tags: ResourceTags::new(resource) }
    }
}

impl Default for Sender {
    fn default() -> Self {
        Self::of(&Resource::default())
    }
}

impl Encoder {
    /// An encoder that has seen no resource.
    pub fn new() -> Self {
        Self::default()
    }

    /// The body of one request, of decoded spans.
    pub fn encode(&mut self, spans: impl IntoIterator<Item = SpanData>) -> Encoded {
        let mut encoded = Encoded::begin(Vec::with_capacity(4096));
        for span in spans {
            self.add(&mut encoded, &SpanRef::of(&span), &span.resource);
        }
        encoded.end()
    }

    /// The body of one request, in place of what `buffer` has.
    pub fn encode_batch(&mut self, batch: &Batch, mut buffer: Vec<u8>) -> Encoded {
        buffer.clear();
        // JSON says everything at length, the resource with each span.
        buffer.reserve(3 * batch.bytes());
        let mut encoded = Encoded::begin(buffer);
        batch.visit(|span| self.add(&mut encoded, span, batch.resource()));
        encoded.end()
    }

    fn add(&mut self, encoded: &mut Encoded, span: &SpanRef<'_>, resource: &Arc<Resource>) {
        if !span.context.is_valid() {
            encoded.invalid += 1;
            return;
        }
        if !Arc::ptr_eq(&self.resource, resource) {
            self.resource = Arc::clone(resource);
            self.sender = Sender::of(resource);
        }
        if encoded.spans > 0 {
            encoded.body.push(b',');
        }
        encoded.spans += 1;
        write_span(&mut encoded.body, span, &self.sender);
    }
}

impl Encoded {
    fn begin(mut body: Vec<u8>) -> Self {
        body.push(b'[');
        Self { body, ..Self::default() }
    }

    fn end(mut self) -> Self {
        self.body.push(b']');
        self
    }
}

fn write_span(out: &mut Vec<u8>, span: &SpanRef<'_>, sender: &Sender) {
    let context = &span.context;
    let mut object = Object::begin(out);
    object.id("traceId", &context.trace_id.to_bytes());
    // The caller's own parent is not known here, and a span is never its own.
    if let Some(parent) = span.parent_span_id.filter(|parent| parent.is_valid() && *parent != context.span_id)
    {
        object.id("parentId", &parent.to_bytes());
    }
    object.id("id", &context.span_id.to_bytes());
    if let Some(kind) = kind_name(span.kind) {
        object.text("kind", kind);
    }
    if !span.name.is_empty() {
        object.text("name", span.name);
    }
    // To Zipkin zero means unknown, for both.
    if span.start_unix_nanos >= 1000 {
        object.number("timestamp", span.start_unix_nanos / 1000);
    }
    object.number("duration", (span.duration_nanos() / 1000).max(1));
    Endpoint::local(span, &sender.host).write(object.key("localEndpoint"));
    if let Some(remote) = Endpoint::remote(span) {
        remote.write(object.key("remoteEndpoint"));
    }
    if !span.events.is_empty() {
        write_array(object.key("annotations"), &span.events, |out, event| write_annotation(out, span, event));
    }
    write_tags(object.key("tags"), span, &sender.tags);
    if is_shared(span) {
        object.key("shared").extend_from_slice(b"true");
    }
    object.end();
}

/// The server's half of a span whose identifier the client passed on (B3 style): same id on both sides.
fn is_shared(span: &SpanRef<'_>) -> bool {
    span.kind == SpanKind::Server
        && span.parent_is_remote != Some(false)
        && span.parent_span_id == Some(span.context.span_id)
}

/// `None` for work inside the process, which Zipkin has no word for.
fn kind_name(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::Client => Some("CLIENT"),
        SpanKind::Server => Some("SERVER"),
        SpanKind::Producer => Some("PRODUCER"),
        SpanKind::Consumer => Some("CONSUMER"),
        _ => None,
    }
}

/// An annotation is a time and a text: the event's name, with its attributes behind it as JSON.
fn write_annotation(out: &mut Vec<u8>, span: &SpanRef<'_>, event: &EventRef<'_>) {
    let mut object = Object::begin(out);
    object.number("timestamp", event.time_unix_nanos / 1000);
    let out = object.key("value");
    let attributes = span.details(&event.attributes);
    if attributes.is_empty() && event.dropped_attributes == 0 {
        write_text(out, event.name);
    } else {
        crate::json::write_nested(out, |out| {
            write_text(out, event.name);
            out.push(b':');
            let dropped = tracer_factory_core::value::Value::from(event.dropped_attributes);
            let count = (event.dropped_attributes > 0).then_some(("otel.dropped_attributes_count", &dropped));
            write_attributes(out, attributes.iter().map(|(key, value)| (*key, value)).chain(count));
        });
    }
    object.end();
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
    use tracer_factory_core::span::{Event, InstrumentationScope, Link, Status, StatusCode};
    use tracer_factory_core::value::Value;

    use super::*;

    fn context(span_id: u64) -> SpanContext {
        SpanContext::new(TraceId::from_int(0xabc), SpanId::from_int(span_id), TraceFlags::SAMPLED)
    }

    fn span(span_id: u64) -> SpanData {
        SpanData {
            context: context(span_id),
            name: "op".into(),
            start_unix_nanos: 1_700_000_000_123_456_789,
            end_unix_nanos: 1_700_000_000_123_458_023,
            ..SpanData::default()
        }
    }

    fn encode(spans: &[SpanData]) -> Json {
        serde_json::from_slice(&Encoder::new().encode(spans.iter().cloned()).body).unwrap()
    }

    #[test]
    fn a_bare_span() {
        assert_eq!(
            encode(&[span(1)]),
            json!([{
                "traceId": "00000000000000000000000000000abc", "id": "0000000000000001", "name": "op",
                "timestamp": 1_700_000_000_123_456u64, "duration": 1,
                "localEndpoint": { "serviceName": "unknown_service" }, "tags": {},
            }])
        );
        assert_eq!(encode(&[]), json!([]));
    }

    #[test]
    fn everything_a_span_can_have() {
        let resource = Resource {
            attributes: vec![
                ("service.name".into(), "llm-service".into()),
                ("service.namespace".into(), "shop".into()),
                ("worker.id".into(), 3.into()),
            ],
        };
        let full = SpanData {
            parent_span_id: Some(SpanId::from_int(9)),
            kind: SpanKind::Client,
            attributes: vec![
                ("worker.id".into(), 4.into()),
                ("a\"\u{1}".into(), f64::INFINITY.into()),
                ("list".into(), Value::Array(vec!["x\"".into(), 1.into()])),
                ("error".into(), false.into()),
                ("peer.service".into(), "gpu".into()),
                ("none".into(), Value::Empty),
            ],
            dropped_attributes: 2,
            dropped_links: 1,
            events: vec![
                Event { name: "plain".into(), time_unix_nanos: 5999, ..Event::default() },
                Event {
                    name: "rich".into(),
                    time_unix_nanos: 6000,
                    attributes: vec![("n".into(), 1.into())],
                    dropped_attributes: 1,
                },
            ],
            links: vec![Link {
                context: context(7),
                attributes: vec![("why".into(), "retry".into())],
                ..Link::default()
            }],
            status: Status { code: StatusCode::Error, message: "boom".into() },
            scope: Arc::new(InstrumentationScope { name: "lib".into(), version: "1".into() }),
            resource: Arc::new(resource),
            ..span(1)
        };
        assert_eq!(
            encode(&[full]),
            json!([{
                "traceId": "00000000000000000000000000000abc", "parentId": "0000000000000009", "id": "0000000000000001",
                "kind": "CLIENT", "name": "op", "timestamp": 1_700_000_000_123_456u64, "duration": 1,
                "localEndpoint": { "serviceName": "llm-service" }, "remoteEndpoint": { "serviceName": "gpu" },
                "annotations": [
                    { "timestamp": 5, "value": "plain" },
                    { "timestamp": 6, "value": r#""rich":{"n":1,"otel.dropped_attributes_count":1}"# },
                ],
                "tags": {
                    "otel.status_code": "ERROR", "error": "boom",
                    "otel.scope.name": "lib", "otel.library.name": "lib",
                    "otel.scope.version": "1", "otel.library.version": "1",
                    "otel.dropped_attributes_count": "2", "otel.dropped_links_count": "1",
                    "otel.links": r#"[{"traceId":"00000000000000000000000000000abc","spanId":"0000000000000007","attributes":{"why":"retry"}}]"#,
                    "worker.id": "4", "a\"\u{1}": "inf", "list": r#"["x\"",1]"#, "peer.service": "gpu", "none": "",
                    "service.namespace": "shop",
                },
            }])
        );
    }

    #[test]
    fn only_the_servers_half_of_a_span_is_shared() {
        let own_parent = |kind, remote| SpanData {
            kind,
            parent_span_id: Some(SpanId::from_int(1)),
            parent_is_remote: remote,
            ..span(1)
        };
        let spans = [
            own_parent(SpanKind::Server, Some(true)),
            own_parent(SpanKind::Client, Some(true)),
            own_parent(SpanKind::Server, Some(false)),
            SpanData { kind: SpanKind::Server, parent_span_id: Some(SpanId::from_int(2)), ..span(1) },
        ];
        let encoded = encode(&spans);
        let shared: Vec<_> = (0..4).map(|i| encoded[i].get("shared").is_some()).collect();
        let parents: Vec<_> = (0..4).map(|i| encoded[i].get("parentId").is_some()).collect();
        assert_eq!(shared, [true, false, false, false]);
        assert_eq!(parents, [false, false, false, true]);
    }

    #[test]
    fn spans_of_two_resources_keep_their_own() {
        let of = |name: &str, id| SpanData {
            resource: Arc::new(Resource {
                attributes: vec![
                    ("service.name".into(), name.to_owned().into()),
                    ("r".into(), name.to_owned().into()),
                ],
            }),
            ..span(id)
        };
        let encoded = encode(&[of("a", 1), of("b", 2)]);
        for (index, name) in ["a", "b"].into_iter().enumerate() {
            assert_eq!(encoded[index]["localEndpoint"]["serviceName"], name);
            assert_eq!(encoded[index]["tags"]["r"], name);
        }
    }

    #[test]
    fn no_key_comes_twice_and_the_last_value_wins() {
        let mut twice = span(1);
        twice.attributes =
            vec![("k".into(), 1.into()), ("k".into(), 2.into()), ("otel.status_code".into(), "mine".into())];
        twice.status.code = StatusCode::Ok;
        let body = String::from_utf8(Encoder::new().encode([twice]).body).unwrap();
        assert_eq!(body.matches("\"k\"").count(), 1);
        assert_eq!(body.matches("otel.status_code").count(), 1);
        assert!(body.contains(r#""k":"2""#) && body.contains(r#""otel.status_code":"OK""#), "{body}");
    }

    #[test]
    fn spans_without_identifiers_are_left_out_and_counted() {
        let encoded = Encoder::new().encode([SpanData::default(), span(1), SpanData::default()]);
        assert_eq!((encoded.spans, encoded.invalid), (1, 2));
        let parsed: Json = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), 1);
    }
}
