//! What our Zipkin encoder writes, span by span, against a real Zipkin: what comes back is what the documentation of
//! `tracer_factory::zipkin` says, and the graph of services is right.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use tracer_factory::zipkin::Encoder;
use tracer_factory::{
    AttrValue, Event, InstrumentationScope, Link, Resource, SpanContext, SpanData, SpanId, SpanKind, Status,
    StatusCode, TraceFlags, TraceId, Value,
};
use tracer_factory_testkit::servers::{Zipkin, http};

use crate::SHOWN_WITHIN;

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

fn send(zipkin: &Zipkin, spans: &[SpanData]) {
    let encoded = Encoder::new().encode(spans.iter().cloned());
    assert_eq!((encoded.spans, encoded.invalid), (spans.len() as u64, 0));
    let reply = http::post(&zipkin.spans(), "application/json", &encoded.body).unwrap();
    assert_eq!(reply.status, 202, "{}", reply.text());
}

fn read_back(zipkin: &Zipkin, trace_id: TraceId, spans: usize) -> Vec<Json> {
    zipkin.trace(&trace_id.to_string(), spans, SHOWN_WITHIN).unwrap()
}

fn service(name: &str) -> Arc<Resource> {
    Arc::new(Resource {
        attributes: vec![("service.name".into(), name.to_owned().into()), ("worker.id".into(), 7.into())],
    })
}

fn span(trace: u128, id: u64, parent: u64, kind: SpanKind, service_name: &str) -> SpanData {
    let start = now();
    SpanData {
        context: SpanContext::new(TraceId::from_int(trace), SpanId::from_int(id), TraceFlags::SAMPLED),
        parent_span_id: (parent != 0).then(|| SpanId::from_int(parent)),
        name: format!("span {id}"),
        kind,
        start_unix_nanos: start,
        end_unix_nanos: start + 1_234_567,
        resource: service(service_name),
        ..SpanData::default()
    }
}

fn with(mut span: SpanData, attributes: &[(&str, &str)]) -> SpanData {
    span.attributes =
        attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into())).collect();
    span
}

#[test]
fn a_span_with_everything_comes_back_as_documented() {
    const TRACE: u128 = 0xfeed_0000_0000_0000_0000_0000_0000_0001;
    let mut full = span(TRACE, 1, 9, SpanKind::Client, "Mixed-Case");
    full.name = "Emoji 😀 \0 \u{202e} \"GET\" Ünï".into();
    full.attributes = vec![
        ("text".into(), "a\nb".into()),
        ("empty".into(), "".into()),
        ("none".into(), Value::Empty),
        ("bool".into(), true.into()),
        ("int".into(), i64::MIN.into()),
        ("double".into(), 0.1.into()),
        ("nan".into(), f64::NAN.into()),
        ("infinite".into(), f64::INFINITY.into()),
        ("bytes".into(), Value::from(&b"\x00\xff"[..]).into_owned()),
        ("array".into(), Value::Array(vec!["x\"".into(), 1.into(), 2.5.into()])),
        ("map".into(), Value::Map(vec![("k".into(), "v".into())])),
        ("error".into(), false.into()),
        ("worker.id".into(), 8.into()),
        ("server.address".into(), "10.0.0.3".into()),
        ("server.port".into(), 5432.into()),
        ("db.system".into(), "PostgreSQL".into()),
    ];
    full.dropped_attributes = 1;
    full.dropped_events = 2;
    full.dropped_links = 3;
    let event = Event {
        name: "Rich".into(),
        time_unix_nanos: full.start_unix_nanos + 2_000,
        attributes: vec![("n".into(), 1.into()), ("s".into(), "x".into())],
        dropped_attributes: 4,
    };
    let early = Event { name: "early".into(), time_unix_nanos: full.start_unix_nanos, ..Event::default() };
    full.events = vec![event.clone(), early.clone(), early.clone()];
    full.links = vec![Link {
        context: full.context.clone(),
        attributes: vec![("a".into(), 1.into())],
        ..Link::default()
    }];
    full.status = Status { code: StatusCode::Error, message: "went wrong".into() };
    full.scope = Arc::new(InstrumentationScope { name: "lib".into(), version: "1.0".into() });
    let zipkin = Zipkin::shared().unwrap();
    send(zipkin, std::slice::from_ref(&full));

    let trace = read_back(zipkin, full.trace_id(), 1);
    let expected = json!({
        "traceId": full.trace_id().to_string(),
        "parentId": "0000000000000009",
        "id": "0000000000000001",
        "kind": "CLIENT",
        "name": full.name.to_lowercase(),
        "timestamp": full.start_unix_nanos / 1000,
        "duration": 1234,
        "localEndpoint": { "serviceName": "mixed-case" },
        "remoteEndpoint": { "serviceName": "postgresql", "ipv4": "10.0.0.3", "port": 5432 },
        "annotations": [
            { "timestamp": early.time_unix_nanos / 1000, "value": "early" },
            {
                "timestamp": event.time_unix_nanos / 1000,
                "value": r#""Rich":{"n":1,"s":"x","otel.dropped_attributes_count":4}"#,
            },
        ],
        "tags": {
            "text": "a\nb", "empty": "", "none": "", "bool": "true", "int": "-9223372036854775808", "double": "0.1",
            "nan": "NaN", "infinite": "inf", "bytes": "AP8=", "array": r#"["x\"",1,2.5]"#, "map": r#"{"k":"v"}"#,
            "worker.id": "8", "server.address": "10.0.0.3", "server.port": "5432", "db.system": "PostgreSQL",
            "otel.status_code": "ERROR", "error": "went wrong",
            "otel.scope.name": "lib", "otel.library.name": "lib", "otel.scope.version": "1.0", "otel.library.version": "1.0",
            "otel.dropped_attributes_count": "1", "otel.dropped_events_count": "2", "otel.dropped_links_count": "3",
            "otel.links": format!(
                r#"[{{"traceId":"{}","spanId":"0000000000000001","attributes":{{"a":1}}}}]"#,
                full.trace_id()
            ),
        },
    });
    assert_eq!(trace, [expected]);
}

#[test]
fn the_graph_has_every_call_once() {
    const TRACE: u128 = 0xfeed_0000_0000_0000_0000_0000_0000_0002;
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    let mut failed = with(span(TRACE, 6, 5, Client, "llm"), &[("peer.service", "model")]);
    failed.status.code = StatusCode::Error;
    let spans = [
        with(
            span(TRACE, 1, 0, Server, "gateway"),
            &[("client.address", "10.9.9.9"), ("server.address", "gateway.host")],
        ),
        with(
            span(TRACE, 2, 1, Client, "gateway"),
            &[("server.address", "user.host"), ("peer.service", "user")],
        ),
        SpanData { parent_is_remote: Some(true), ..span(TRACE, 3, 2, Server, "user") },
        span(TRACE, 4, 3, Internal, "user"),
        // B3 libraries let both halves of a call have one identifier.
        with(span(TRACE, 5, 4, Client, "user"), &[("server.address", "llm.host")]),
        SpanData { parent_is_remote: Some(true), ..span(TRACE, 5, 5, Server, "llm") },
        failed,
        with(
            span(TRACE, 7, 3, Client, "user"),
            &[("server.address", "10.0.0.3"), ("db.system", "postgresql")],
        ),
        with(span(TRACE, 8, 3, Producer, "user"), &[("messaging.system", "kafka")]),
        with(
            SpanData { parent_is_remote: Some(true), ..span(TRACE, 9, 8, Consumer, "billing") },
            &[("messaging.system", "kafka")],
        ),
    ];
    let zipkin = Zipkin::shared().unwrap();
    send(zipkin, &spans);

    let trace = read_back(zipkin, TraceId::from_int(TRACE), spans.len());
    let shared: Vec<_> =
        trace.iter().filter(|span| span["shared"] == true).map(|span| span["id"].clone()).collect();
    assert_eq!(shared, ["0000000000000005"]);
    let ours = ["gateway", "user", "llm", "billing", "kafka"];
    let mut links: Vec<String> = zipkin
        .dependencies(6, SHOWN_WITHIN)
        .unwrap()
        .into_iter()
        .filter(|link| ours.contains(&link["parent"].as_str().unwrap()))
        .map(|link| {
            let text = |key: &str| link[key].as_str().unwrap().to_owned();
            format!(
                "{}>{} {} {}",
                text("parent"),
                text("child"),
                link["callCount"],
                link.get("errorCount").is_some()
            )
        })
        .collect();
    links.sort();
    assert_eq!(
        links,
        [
            "gateway>user 1 false",
            "kafka>billing 1 false",
            "llm>model 1 true",
            "user>kafka 1 false",
            "user>llm 1 false",
            "user>postgresql 1 false",
        ]
    );
}

#[test]
fn large_and_strange_spans_are_taken() {
    const TRACE: u128 = 0xfeed_0000_0000_0000_0000_0000_0000_0003;
    let mut wide = span(TRACE, 1, 0, SpanKind::Internal, "large");
    wide.attributes = (0..10_000).map(|i| (format!("key {i}"), Value::from(i))).collect();
    wide.attributes.push(("big".into(), AttrValue::from("é".repeat(500_000))));
    let timeless =
        SpanData { start_unix_nanos: 0, end_unix_nanos: 0, ..span(TRACE, 2, 1, SpanKind::Internal, "") };
    let nameless = SpanData { name: String::new(), ..span(TRACE, 3, 1, SpanKind::Server, "large") };
    let zipkin = Zipkin::shared().unwrap();
    send(zipkin, &[wide, timeless, nameless]);

    let trace = read_back(zipkin, TraceId::from_int(TRACE), 3);
    let wide = trace.iter().find(|span| span["id"] == "0000000000000001").unwrap();
    assert_eq!(wide["tags"].as_object().unwrap().len(), 10_002);
    assert_eq!(wide["tags"]["big"].as_str().unwrap().len(), 1_000_000);
    let timeless = trace.iter().find(|span| span["id"] == "0000000000000002").unwrap();
    assert_eq!((timeless.get("timestamp"), &timeless["duration"]), (None, &json!(1)));
}
