//! What a callback handler writes on the spans of its runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tracer_factory_core::callback::RunKind;
use tracer_factory_core::capture::Capture;
use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::span::{SpanData, StatusCode};
use tracer_factory_core::tracer::BaseTracer;
use tracer_factory_core::value::Value;

/// The attributes of the session conventions, sorted.
fn conventions(span: &SpanData) -> Vec<(&str, &str)> {
    let mut found: Vec<_> = span
        .attributes
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Str(text) => name.strip_prefix("agentops.").map(|name| (name, &**text)),
            _ => None,
        })
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn input_and_output_are_named_after_the_kind_of_the_run() {
    let config = TracerConfig::builder().tracer_type(TracerType::AgentSession).build();
    let (tracer, capture) = Capture::with_config(&config).unwrap();
    let handler = tracer.get_langchain_callback_handler(&[]);
    let runs = [
        (RunKind::Llm, "llm.llm", "llm"),
        (RunKind::ChatModel, "chat_model.llm", "llm"),
        (RunKind::Chain, "chain.chain", "chain"),
        (RunKind::Tool, "tool.tool", "tool"),
        (RunKind::Retriever, "retriever.tool", "tool"),
        (RunKind::Agent, "agent.agent", "agent"),
    ];
    // All at once: each run keeps its own kind.
    for (kind, id, _) in runs {
        handler.on_start(kind, id, None, "asked");
    }
    for (_, id, _) in runs {
        handler.on_end(id, id);
    }
    let spans = capture.spans();
    assert_eq!(spans.len(), runs.len());
    for (_, name, kind) in runs {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        let (input, output) = (format!("{kind}.input"), format!("{kind}.output"));
        let mut expected = [(input.as_str(), "asked"), (output.as_str(), name), ("span.kind", kind)];
        expected.sort_unstable();
        assert_eq!(conventions(span), expected);
        assert_eq!(span.status.code, StatusCode::Ok);
    }
}

#[test]
fn a_run_that_fails_has_no_output() {
    let config = TracerConfig::builder().tracer_type(TracerType::AgentSession).build();
    let (tracer, capture) = Capture::with_config(&config).unwrap();
    let handler = tracer.get_langchain_callback_handler(&[]);
    handler.on_start(RunKind::Tool, "1", None, "{}");
    handler.on_error("1", "no such tool");
    handler.on_end("1", "too late");
    let spans = capture.spans();
    assert_eq!(conventions(&spans[0]), [("span.kind", "tool"), ("tool.input", "{}")]);
    assert_eq!((spans.len(), spans[0].status.message.as_str()), (1, "no such tool"));
}
