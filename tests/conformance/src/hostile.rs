//! Spans that are too much, too large, or not what anyone expects: dropped and counted, never a panic or a broken trace.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::tracer::SpanOptions;
use tracer_factory_core::value::Value;

use crate::Subject;
use crate::subject::{names, span};

/// Attributes beyond the limit are dropped and counted on the span.
pub fn ten_thousand_attributes(subject: &Subject<'_>) {
    const MANY: usize = 10_000;
    let root = subject.tracer.trace_context("root");
    for n in 0..MANY {
        root.set_attribute(&format!("attribute {n}"), n);
    }
    root.set_attribute("attribute 0", "replaced");
    let Some(trace) = subject.finish(root) else { return };
    let root = &trace.spans[0];
    assert_eq!(root.attributes.len() + root.dropped_attributes as usize, MANY, "kept or counted as dropped");
    assert_eq!(
        root.attribute("attribute 0"),
        Some(&Value::from("replaced")),
        "what is kept can still be replaced"
    );
}

/// Events and links beyond the limit likewise, and attributes of one event.
pub fn ten_thousand_events_and_links(subject: &Subject<'_>) {
    const MANY: usize = 10_000;
    let link = SpanContext::new(TraceId::from_int(5), SpanId::from_int(6), TraceFlags::SAMPLED);
    let keys: Vec<_> = (0..MANY).map(|n| format!("key {n}")).collect();
    let pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), Value::Int(1))).collect();
    let root = subject.tracer.trace_context("root");
    root.add_event_with("full", &pairs);
    for _ in 1..MANY {
        root.add_event("event");
    }
    for _ in 0..MANY {
        root.add_link(&link, &[]);
    }
    let Some(trace) = subject.finish(root) else { return };
    let root = &trace.spans[0];
    assert_eq!(root.events.len() + root.dropped_events as usize, MANY, "events: kept or counted as dropped");
    assert_eq!(root.links.len() + root.dropped_links as usize, MANY, "links: kept or counted as dropped");
    if let Some(full) = root.events.iter().find(|event| event.name == "full") {
        assert_eq!(full.attributes.len() + full.dropped_attributes as usize, MANY);
    }
}

/// A value that is too large is whole, cut or dropped, and the span is still there.
pub fn values_of_ten_megabytes(subject: &Subject<'_>) {
    const HUGE: usize = 10 << 20;
    // Two bytes a character, so that a cut at any odd byte would break it.
    let text = "ä".repeat(HUGE / 2);
    let root = subject.tracer.trace_context("root");
    root.set_attribute("before", 1).set_attribute("text", &*text).set_attribute("bytes", vec![7; HUGE]);
    root.set_attribute("list", Value::Array(vec![Value::from(text.clone()); 2])).set_attribute("after", 2);
    root.add_event_with(&text[..HUGE / 4], &[("text", (&*text).into())]);
    root.record_error_message(&text);
    drop(subject.tracer.trace_context(&text));
    drop(subject.tracer.trace_context("sibling"));
    let Some(trace) = subject.finish(root) else { return };
    let root = span(&trace, "root");
    assert_eq!(root.attribute("before"), Some(&Value::Int(1)), "what came before is kept");
    match root.attribute("text") {
        Some(Value::Str(kept)) => {
            assert!(text.starts_with(&**kept), "a cut value is a beginning of the whole")
        }
        Some(other) => panic!("the text became {other:?}"),
        None => assert!(root.dropped_attributes > 0, "a value that is left out is counted"),
    }
    span(&trace, "sibling");
}

/// Names and keys of any characters, or none, come back as they were.
pub fn names_of_any_kind(subject: &Subject<'_>) {
    const NAMES: [&str; 9] =
        ["", " ", "\0", "a\0b", "🦀 crab", "\u{202e}reversed", "line\nbreak", "\u{feff}", "\"}],"];
    let root = subject.tracer.trace_context("root");
    for name in NAMES {
        let scope = subject.tracer.trace_context(name);
        scope.set_attribute(name, name).add_event_with(name, &[(name, name.into())]).update_name(name);
    }
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace)[..NAMES.len()], NAMES);
    for (span, name) in trace.spans.iter().zip(NAMES) {
        assert_eq!(span.attribute(name), Some(&Value::from(name)), "{name:?}");
        assert_eq!(span.events[0].name, name);
    }
}

/// NaN, the infinities and the ends of the integers come back as they were.
pub fn numbers_of_any_kind(subject: &Subject<'_>) {
    const DOUBLES: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX];
    let root = subject.tracer.trace_context("root");
    for (n, double) in DOUBLES.iter().enumerate() {
        root.set_attribute(&format!("double {n}"), *double);
    }
    root.set_attribute("list", Value::Array(DOUBLES.map(Value::Double).into()));
    root.set_attribute("min", i64::MIN).set_attribute("max", i64::MAX).set_attribute("unsigned", u64::MAX);
    let Some(trace) = subject.finish(root) else { return };
    let root = &trace.spans[0];
    for (n, double) in DOUBLES.iter().enumerate() {
        let Some(Value::Double(found)) = root.attribute(&format!("double {n}")) else {
            panic!("{double} is not there");
        };
        assert_eq!(found.to_bits(), double.to_bits(), "{double}");
    }
    assert_eq!(
        (root.attribute("min"), root.attribute("max")),
        (Some(&Value::Int(i64::MIN)), Some(&Value::Int(i64::MAX)))
    );
    assert_eq!(root.attribute("unsigned").map(ToString::to_string), Some(u64::MAX.to_string()));
}

/// Starts in the future, ends before the start, and the ends of time itself.
pub fn times_of_any_kind(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    for (start, end) in [(0, 0), (0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX), (2_000, 1_000)] {
        let options = SpanOptions::new("timed").start_unix_nanos(start);
        let mut span = subject.tracer.start_span(&options);
        span.add_event_at("event", end, &[]);
        span.finish_at(end);
        drop(subject.tracer.start_scope(&options));
        subject.tracer.start_span(&options.new_trace()).finish_at(end);
    }
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(trace.len(), 11, "every span is there");
    for span in &trace.spans {
        assert!(span.end_unix_nanos >= span.start_unix_nanos, "a span never ends before it began: {span:?}");
    }
}

/// Values in values in values, deeper than most decoders go: what is too deep must not cost its span, let alone others.
pub fn deep_values(subject: &Subject<'_>) {
    let nested = |depth: usize| {
        let mut value = Value::Int(1);
        for level in 0..depth {
            value = if level % 2 == 0 {
                Value::Array(vec![value])
            } else {
                Value::Map(vec![(Cow::Borrowed("k"), value)])
            };
        }
        value
    };
    let root = subject.tracer.trace_context("root");
    // The depth a Rust program can drop on a small stack; what decoders take is less.
    for depth in [10, 100, 500] {
        root.set_attribute(&format!("depth {depth}"), nested(depth));
    }
    root.set_attribute("shallow", 1);
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace), ["root"], "the span is whole");
    assert_eq!(trace.spans[0].attribute("shallow"), Some(&Value::Int(1)));
}

/// An error whose own `Display` records.
struct Recursive<'a>(Subject<'a>);

impl fmt::Debug for Recursive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recursive")
    }
}

impl fmt::Display for Recursive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = self.0.tracer.trace_context("inside display");
        scope.set_attribute("of", "an error");
        self.0.tracer.add_span_event("shown", &[]);
        f.write_str("recursive")
    }
}

impl std::error::Error for Recursive<'_> {}

/// The user's code that runs while a span is edited may itself record, or panic.
pub fn code_that_traces_while_it_is_traced(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    root.record_error(&Recursive(*subject));
    root.set_attribute_with("lazy", || {
        drop(subject.tracer.trace_context("inside a closure"));
        1
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        root.set_attribute_with("never", || -> i64 { std::panic::resume_unwind(Box::new("in a closure")) });
    }));
    assert_eq!(panicked.is_err(), subject.capabilities.records, "a panic of the user's goes to the user");
    root.set_attribute("afterwards", true);
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace), ["inside display", "inside a closure", "root"]);
    let root = span(&trace, "root");
    assert_eq!(root.status.message, "recursive");
    assert_eq!((root.attribute("lazy"), root.attribute("never")), (Some(&Value::Int(1)), None));
    assert_eq!(root.attribute("afterwards"), Some(&Value::Bool(true)));
}
