//! What a span holds: attributes, events, links, status, errors, lazy values, and how it reads while open.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use tracer_factory_core::callback::RunKind;
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::span::{SpanKind, StatusCode};
use tracer_factory_core::tracer::SpanOptions;
use tracer_factory_core::value::{AttrValue, Value};

use crate::Subject;
use crate::subject::{names, span};

/// Values of every OTLP type come back as they were; the same name again replaces.
pub fn attributes_of_every_type(subject: &Subject<'_>) {
    let values: [(&str, Value); 8] = [
        ("text", Value::from("as it is")),
        ("flag", Value::Bool(true)),
        ("integer", Value::Int(i64::MIN)),
        ("number", Value::Double(-0.5)),
        ("bytes", Value::Bytes(Cow::Borrowed(b"\x00\xff"))),
        ("list", Value::Array(vec!["mixed".into(), 1.into(), true.into()])),
        ("map", Value::Map(vec![(Cow::Borrowed("inner"), Value::Int(1))])),
        ("nothing", Value::Empty),
    ];
    let root = subject.tracer.trace_context("root");
    for (name, value) in &values {
        root.set_attribute(name, "replaced later").set_attribute(name, value.clone());
    }
    let Some(trace) = subject.finish(root) else { return };
    for (name, value) in &values {
        assert_eq!(trace.spans[0].attribute(name), Some(value), "{name}");
    }
    assert_eq!(
        trace.spans[0].attributes.iter().filter(|(name, _)| name != "worker.id").count(),
        values.len()
    );
}

/// `add_span_attribute`, `add_span_event` and `set_span_status` mean the innermost scope, and without one nothing.
pub fn the_tracer_s_verbs_reach_the_innermost_scope(subject: &Subject<'_>) {
    let tracer = subject.tracer;
    let verbs = |what: &str| {
        tracer.add_span_attribute("what", what.into());
        tracer.add_span_event(what, &[("count", 2.into())]);
        tracer.set_span_status(StatusCode::Error, what);
    };
    verbs("nobody");
    let root = tracer.trace_context("root");
    let inner = tracer.trace_context("inner");
    verbs("for inner");
    drop(inner);
    verbs("for root");
    let Some(trace) = subject.finish(root) else { return };
    for (name, what) in [("inner", "for inner"), ("root", "for root")] {
        let span = span(&trace, name);
        assert_eq!(span.attribute("what"), Some(&Value::from(what)));
        assert_eq!(span.events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), [what]);
        assert_eq!(span.events[0].attributes, [("count".to_owned(), Value::Int(2))]);
        assert_eq!((span.status.code, span.status.message.as_str()), (StatusCode::Error, what));
    }
}

/// Events and links keep their order, their times and their attributes.
pub fn events_and_links(subject: &Subject<'_>) {
    let linked = SpanContext::new(TraceId::from_int(5), SpanId::from_int(6), TraceFlags::SAMPLED);
    let root = subject.tracer.trace_context("root");
    root.add_event("first").add_event_with("second", &[("items", 3.into()), ("list", "a".into())]);
    root.add_link(&linked, &[("why", "because".into())]).add_link(&root.span_context(), &[]);
    let id = root.span_id();
    let Some(trace) = subject.finish(root) else { return };
    let root = &trace.spans[0];
    assert_eq!(root.events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(root.events[1].attributes.len(), 2);
    let during = root.start_unix_nanos..=root.end_unix_nanos;
    assert!(
        root.events.iter().all(|event| during.contains(&event.time_unix_nanos)),
        "events are within their span"
    );
    let links: Vec<_> = root.links.iter().map(|link| (link.context.trace_id, link.context.span_id)).collect();
    assert_eq!(links, [(linked.trace_id, linked.span_id), (root.trace_id(), id)]);
    assert_eq!(root.links[0].attributes, [("why".to_owned(), Value::from("because"))]);
}

/// Unset is the beginning, a later error replaces an earlier one, and ok is final.
pub fn a_status_follows_its_rules(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let said = |name: &str, statuses: &[(StatusCode, &str)]| {
        let scope = subject.tracer.trace_context(name);
        for (code, words) in statuses {
            scope.set_status(*code, words);
        }
    };
    said("unset", &[]);
    said("stays", &[(StatusCode::Error, "first"), (StatusCode::Unset, "")]);
    said("replaced", &[(StatusCode::Error, "first"), (StatusCode::Error, "second")]);
    said("final", &[(StatusCode::Ok, "not kept"), (StatusCode::Error, "too late")]);
    said("mended", &[(StatusCode::Error, "first"), (StatusCode::Ok, "")]);
    let Some(trace) = subject.finish(root) else { return };
    for (name, code, words) in [
        ("unset", StatusCode::Unset, ""),
        ("stays", StatusCode::Error, "first"),
        ("replaced", StatusCode::Error, "second"),
        ("final", StatusCode::Ok, ""),
        ("mended", StatusCode::Ok, ""),
    ] {
        let status = &span(&trace, name).status;
        assert_eq!((status.code, status.message.as_str()), (code, words), "{name}");
    }
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the port is not a number")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// An error becomes an `exception` event, with what caused it, and the span an error.
pub fn errors_are_recorded_with_their_causes(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    if let Err(error) = "x".parse::<u16>().map_err(Outer) {
        root.record_error(&error);
    }
    let words = subject.tracer.trace_context("words");
    words.record_error_message("only words");
    drop(words);
    let Some(trace) = subject.finish(root) else { return };
    let root = span(&trace, "root");
    assert_eq!(
        (root.status.code, root.status.message.as_str()),
        (StatusCode::Error, "the port is not a number")
    );
    let attribute = |key: &str| {
        let pair = root.events[0].attributes.iter().find(|(name, _)| name == key);
        pair.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    };
    assert_eq!(root.events[0].name, "exception");
    assert_eq!(attribute("exception.message"), "the port is not a number");
    assert!(attribute("exception.type").ends_with("Outer"), "{}", attribute("exception.type"));
    assert!(attribute("exception.stacktrace").contains("invalid digit"), "the cause is named");
    assert_eq!(span(&trace, "words").status.message, "only words");
}

/// A closure for a value is called once when the span is recorded, else never.
pub fn lazy_values_cost_nothing_unless_recorded(subject: &Subject<'_>) {
    let mut calls = 0;
    let root = subject.tracer.trace_context("root");
    root.set_attribute_with("lazy", || {
        calls += 1;
        "worked out"
    });
    assert_eq!(calls, u32::from(subject.capabilities.records));
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(trace.spans[0].attribute("lazy"), Some(&Value::from("worked out")));
}

/// Name, kind and start are what was said, at the start or later.
pub fn names_kinds_and_times(subject: &Subject<'_>) {
    const KINDS: [SpanKind; 5] =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    let root = subject.tracer.trace_context("root");
    for kind in KINDS {
        drop(subject.tracer.start_scope(&SpanOptions::new("at the start").kind(kind)));
    }
    let later = subject.tracer.trace_context("before");
    later.update_name("after").set_kind(SpanKind::Client);
    drop(later);
    let past = SpanOptions::new("past").start_unix_nanos(1_000);
    let mut manual = subject.tracer.start_span(&past);
    manual.add_event_at("between", 1_500, &[]);
    manual.finish_at(2_000);
    let Some(trace) = subject.finish(root) else { return };
    let kinds: Vec<_> =
        trace.spans.iter().filter(|span| span.name == "at the start").map(|span| span.kind).collect();
    assert_eq!(kinds, KINDS);
    assert_eq!(span(&trace, "after").kind, SpanKind::Client);
    let past = span(&trace, "past");
    assert_eq!((past.start_unix_nanos, past.end_unix_nanos), (1_000, 2_000));
    assert_eq!(past.events[0].time_unix_nanos, 1_500);
}

/// `to_json` shows what was set so far, and only identifiers of what is not recorded.
pub fn an_open_span_shows_itself_as_json(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    root.set_attribute("user", 7).add_event("happened").set_status(StatusCode::Error, "no");
    let json = root.to_json();
    assert_eq!(json["trace_id"], root.trace_id().to_string());
    assert_eq!(json["span_id"], root.span_id().to_string());
    if subject.capabilities.records {
        assert_eq!((&json["name"], &json["attributes"]["user"]), (&"root".into(), &7.into()));
        assert_eq!((&json["status"], &json["events"][0]["name"]), (&"error".into(), &"happened".into()));
        assert!(json["end_unix_nanos"].is_null(), "it has not ended");
    }
    let mut manual = subject.tracer.start_span(&SpanOptions::new("manual"));
    manual.set_attribute("user", 8);
    assert_eq!(manual.to_json()["span_id"], manual.span_id().to_string());
    if subject.capabilities.records {
        assert_eq!(manual.to_json()["attributes"]["user"], 8);
    }
}

/// A callback handler's runs become spans, nested as the runs are; runs nobody began are passed over.
pub fn callbacks_become_spans(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let handler = subject.tracer.get_langchain_callback_handler(&["a", "b"]);
    handler.on_start(RunKind::Chain, "1", None, "question");
    handler.on_start(RunKind::ChatModel, "2", Some("1"), "prompt");
    handler.on_new_token("2", "an");
    handler.on_end("2", "answer");
    handler.on_start(RunKind::Tool, "3", Some("1"), "{}");
    handler.on_error("3", "no such tool");
    handler.on_end("1", "answer");
    handler.on_end("1", "again");
    handler.on_error("unknown", "no");
    handler.on_new_token("unknown", "no");
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(trace.len(), 4, "one span a run: {:?}", names(&trace));
    let root = span(&trace, "root").span_id();
    let mut runs = trace.children(root);
    let chain = runs.next().map(|chain| chain.span_id());
    assert!(chain.is_some() && runs.next().is_none(), "the outermost run is the root's only child");
    let inner: Vec<_> = trace.spans.iter().filter(|span| span.parent_span_id == chain).collect();
    assert_eq!(inner.len(), 2, "the others are its children");
    assert!(
        inner
            .iter()
            .any(|span| span.status.code == StatusCode::Error && span.status.message == "no such tool")
    );
    let tags = AttrValue::Array(vec!["a".into(), "b".into()]);
    assert!(
        trace
            .spans
            .iter()
            .filter(|span| span.span_id() != root)
            .all(|span| { span.attributes.iter().any(|(_, value)| *value == tags) })
    );
}
