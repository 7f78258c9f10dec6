//! The comparison itself: for each thing about a span that a server keeps, a change to it is noticed, and for
//! what it does not keep none is. No server is needed for that.

use serde_json::{Value, json};
use tracer_factory::{
    Capture, InstrumentationScope, Resource, SpanData, SpanId, SpanKind, TraceFlags, TraceState,
    TracerConfig, Value as AttrValue,
};
use tracer_factory_real_tests::differences;
use tracer_factory_real_tests::projection::{console, jaeger, otlp, phoenix, zipkin};
use tracer_factory_real_tests::rich::{SPANS, record_with};

type Projection = fn(&[SpanData]) -> Value;
type Change = fn(&mut SpanData);

const SERVERS: [(&str, Projection); 5] = [
    ("console", console::of),
    ("jaeger", |spans| jaeger::of(spans, jaeger::Via::Thrift)),
    ("otlp", otlp::of),
    ("phoenix", phoenix::of),
    ("zipkin", |spans| zipkin::of(spans, zipkin::Via::Own)),
];

const EVERYWHERE: &[&str] = &["console", "jaeger", "otlp", "phoenix", "zipkin"];
const BUT_PHOENIX: &[&str] = &["console", "jaeger", "otlp", "zipkin"];
const TYPED: &[&str] = &["console", "jaeger", "otlp", "phoenix"];
const EXACT: &[&str] = &["console", "otlp"];

/// Changes to the trace's root, and who notices.
const CHANGES: &[(&str, Change, &[&str])] = &[
    ("name", |span| span.name.push('!'), EVERYWHERE),
    ("case of the name", |span| span.name = span.name.to_lowercase(), TYPED),
    ("kind", |span| span.kind = SpanKind::Consumer, BUT_PHOENIX),
    ("span id", |span| span.context.span_id = SpanId::from_int(77), EVERYWHERE),
    ("parent", |span| span.parent_span_id = Some(SpanId::from_int(78)), EVERYWHERE),
    ("no parent", |span| span.parent_span_id = None, EVERYWHERE),
    ("start by microseconds", |span| span.start_unix_nanos -= 2000, EVERYWHERE),
    ("end by microseconds", |span| span.end_unix_nanos += 2000, EVERYWHERE),
    ("trace flags", |span| span.context.flags = TraceFlags::NONE, EXACT),
    ("remote parent", |span| span.parent_is_remote = None, EXACT),
    ("trace state", |span| span.context.trace_state = TraceState::default(), BUT_PHOENIX),
    ("attribute", |span| set(span, "int", 43.into()), EVERYWHERE),
    ("type of an attribute", |span| set(span, "int", "42".into()), TYPED),
    ("one attribute less", |span| span.attributes.retain(|(key, _)| key != "map"), EVERYWHERE),
    ("event's name", |span| span.events[0].name.push('!'), EVERYWHERE),
    ("event's time", |span| span.events[0].time_unix_nanos += 2000, EVERYWHERE),
    ("event's attribute", |span| span.events[1].attributes[0].1 = 6.into(), EVERYWHERE),
    ("one event less", |span| drop(span.events.pop()), EVERYWHERE),
    ("order of events", |span| span.events.swap(0, 1), EVERYWHERE),
    ("linked span", |span| span.links[0].context.span_id = SpanId::from_int(79), BUT_PHOENIX),
    ("link's attribute", |span| span.links[0].attributes[1].1 = 3.into(), BUT_PHOENIX),
    ("status", |span| span.status.code = tracer_factory::StatusCode::Ok, EVERYWHERE),
    ("service", |span| span.resource = Resource::default().into(), BUT_PHOENIX),
    ("scope", |span| span.scope = InstrumentationScope::default().into(), BUT_PHOENIX),
];

fn set(span: &mut SpanData, key: &str, value: AttrValue) {
    span.attributes.iter_mut().find(|(name, _)| name == key).unwrap().1 = value;
}

#[test]
fn every_change_is_noticed_where_it_is_kept() {
    let config = TracerConfig::default();
    let [gateway, model] = [(); 2].map(|()| Capture::with_config(&config).unwrap().0);
    let recorded = record_with([&*gateway, &*model], "Model", &[]).unwrap();
    let spans = recorded.spans();
    assert_eq!(spans.len(), SPANS);
    let root = spans.iter().position(|span| span.name.starts_with("POST")).unwrap();
    for (what, change, kept_by) in CHANGES {
        let mut changed = spans.clone();
        change(&mut changed[root]);
        let noticed: Vec<_> = SERVERS
            .iter()
            .filter(|(_, of)| !differences(&of(&spans), &of(&changed)).is_empty())
            .map(|(server, _)| *server)
            .collect();
        assert_eq!(noticed, *kept_by, "{what}");
    }
    for (server, of) in SERVERS {
        assert!(!differences(&of(&spans), &of(&spans[1..])).is_empty(), "{server}: a span is missing");
    }
}

#[test]
fn differences_say_where() {
    let expected = json!({ "same": 1, "changed": [1, { "deep": "a" }], "missing": null });
    let shown = json!({ "same": 1, "changed": [1, { "deep": 2 }, 3], "added": [] });
    assert_eq!(
        differences(&expected, &shown),
        [
            "$.changed[1].deep: expected \"a\", shown 2",
            "$.changed[2]: expected nothing, shown 3",
            "$.missing: expected null, shown nothing",
            "$.added: expected nothing, shown []",
        ]
    );
    assert_eq!(differences(&expected, &expected), Vec::<String>::new());
}

#[test]
fn phoenix_times_are_read() {
    let micros = |text: &str| phoenix::shown(&[json!({ "start_time": text })])[0]["start_time"].clone();
    assert_eq!(micros("1970-01-01T00:00:00+00:00"), 0);
    assert_eq!(micros("2024-02-29T23:59:59.000001+00:00"), 1_709_251_199_000_001_u64);
    assert_eq!(micros("2026-12-31T00:00:00.5Z"), 1_798_675_200_500_000_u64);
    assert_eq!(micros("2026-12-31"), "2026-12-31");
}
