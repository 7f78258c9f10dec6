//! What the verbs record, read back from a tracer that keeps its spans.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Value, json};
use tracer_factory_agents::names::{END_STATE, SESSION_ID, SPAN_KIND, gen_ai, lightning};
use tracer_factory_agents::{
    AgentTracer, Annotation, AnnotationError, EndState, EventType, Message, ModelRequest, ModelResponse,
    Part, Price, SessionOptions, Usage,
};
use tracer_factory_core::capture::Capture;
use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::span::{SpanData, StatusCode};
use tracer_factory_core::tracer::{BaseTracer, SpanOptions, TracerExt};
use tracer_factory_core::value::Value as Attr;

fn capturing() -> (Arc<RecordingTracer>, Capture) {
    Capture::with_config(&TracerConfig::new(TracerType::AgentSession)).unwrap()
}

fn text<'a>(span: &'a SpanData, name: &str) -> &'a str {
    span.attribute(name).and_then(Attr::as_str).unwrap_or_else(|| panic!("{name} of {}", span.name))
}

#[test]
fn each_event_type_is_recorded_in_both_vocabularies() {
    let (tracer, capture) = capturing();
    for event in EventType::ALL {
        drop(tracer.trace_event(event, event.as_str()));
    }
    tracer.start_event(EventType::Tool, "away").finish();
    for event in EventType::ALL {
        let span = capture.span(event.as_str()).unwrap();
        assert_eq!(text(&span, "event_type"), event.as_str());
        assert_eq!(text(&span, SPAN_KIND), event.span_kind());
    }
    assert_eq!(text(&capture.span("away").unwrap(), SPAN_KIND), "tool");
}

#[test]
fn enriching_reaches_the_current_span() {
    let (tracer, capture) = capturing();
    {
        let _outer = tracer.trace_event(EventType::Chain, "chain");
        tracer.enrich_span(&[("user_id", 7.into()), ("valid", true.into())]);
    }
    let span = capture.span("chain").unwrap();
    assert_eq!(span.attribute("user_id"), Some(&7.into()));
    assert_eq!(span.attribute("valid"), Some(&true.into()));
}

#[test]
fn a_session_is_the_root_of_what_happens_in_it() {
    let (tracer, capture) = capturing();
    let options = SessionOptions::new("chat").id("s-1").tags(&["blue", "test"]).rollout("ro-1", "at-1");
    let mut session = tracer.start_session(&options);
    session.in_scope(|| drop(tracer.trace_event(EventType::Agent, "inside")));
    let context = session.context();
    std::thread::scope(|threads| {
        threads.spawn(|| drop(tracer.start_scope(&SpanOptions::new("elsewhere").parent_context(&context))));
    });
    assert_eq!([session.next_sequence(), session.next_sequence()], [1, 2]);
    session.end(EndState::Success);

    let root = capture.span("chat").unwrap();
    assert_eq!(text(&root, SESSION_ID), "s-1");
    assert_eq!(text(&root, END_STATE), "Success");
    assert_eq!(text(&root, lightning::ROLLOUT_ID), "ro-1");
    assert_eq!(root.attribute("agentops.tags"), Some(&Attr::Array(vec!["blue".into(), "test".into()])));
    assert_eq!(root.status.code, StatusCode::Ok);
    for name in ["inside", "elsewhere"] {
        assert_eq!(capture.span(name).unwrap().parent_span_id, Some(root.span_id()), "{name}");
    }
}

#[test]
fn a_session_that_nobody_ends_says_so() {
    let (tracer, capture) = capturing();
    drop(tracer.start_session(&SessionOptions::default()));
    let span = capture.span("session").unwrap();
    assert_eq!(text(&span, END_STATE), "Indeterminate");
    assert_eq!(text(&span, SESSION_ID), span.trace_id().to_string());

    let panicking = catch_unwind(AssertUnwindSafe(|| {
        let _session = tracer.start_session(&SessionOptions::new("panics"));
        panic!("in a session");
    }));
    assert!(panicking.is_err());
    let span = capture.span("panics").unwrap();
    assert_eq!((text(&span, END_STATE), span.status.code), ("Fail", StatusCode::Error));
}

#[test]
fn a_model_call_has_request_and_answer() {
    let (tracer, capture) = capturing();
    let messages = [Message::system("be brief"), Message::user("hello")];
    let mut request = ModelRequest::chat("gpt-4o", &messages).provider("openai");
    (request.temperature, request.max_tokens, request.stop) = (Some(0.5), Some(64), &["END"]);
    let mut call = tracer.start_model_call(&request);
    call.set_price(Price::per_million(2.0, 8.0).unwrap());
    let mut answer = Message::assistant("hi");
    answer.finish_reason = Some("stop".to_owned());
    let usage = Usage { input_tokens: 1000, cached_tokens: 0, output_tokens: 500 };
    call.finish_with(ModelResponse::of(answer).id("r-1").model("gpt-4o-2024").usage(usage));

    let span = capture.span("chat gpt-4o").unwrap();
    assert_eq!(text(&span, gen_ai::OPERATION_NAME), "chat");
    assert_eq!(text(&span, SPAN_KIND), "llm");
    assert_eq!(text(&span, gen_ai::RESPONSE_ID), "r-1");
    assert_eq!(text(&span, gen_ai::RESPONSE_MODEL), "gpt-4o-2024");
    assert_eq!(span.attribute(gen_ai::REQUEST_TEMPERATURE), Some(&0.5.into()));
    assert_eq!(span.attribute(gen_ai::INPUT_TOKENS), Some(&1000.into()));
    assert_eq!(span.attribute(gen_ai::COST), Some(&0.006.into()));
    let input: Value = serde_json::from_str(text(&span, gen_ai::INPUT_MESSAGES)).unwrap();
    assert_eq!(input[1], json!({"role": "user", "parts": [{"type": "text", "content": "hello"}]}));
    let reasons = span.attribute(gen_ai::RESPONSE_FINISH_REASONS);
    assert_eq!(reasons, Some(&Attr::Array(vec!["stop".into()])));
}

#[test]
fn a_streamed_answer_is_put_together() {
    let (tracer, capture) = capturing();
    let mut call = tracer.start_model_call(&ModelRequest::chat("m", &[Message::user("weather?")]));
    call.on_identity(Some("r-2"), None);
    call.on_reasoning(0, "hm");
    for piece in ["let ", "me ", "see"] {
        call.on_text(0, piece);
    }
    call.on_tool_call(0, 0, Some("c1"), Some("weather"), Some("{\"city\":"));
    call.on_tool_call(0, 0, None, None, Some("\"Paris\"}"));
    call.on_finish_reason(0, "tool_call");
    call.on_text(usize::MAX, "nonsense");
    call.on_identity(Some(""), Some("m-1"));
    call.finish();

    let span = capture.span("chat m").unwrap();
    assert_eq!((text(&span, gen_ai::RESPONSE_ID), text(&span, gen_ai::RESPONSE_MODEL)), ("r-2", "m-1"));
    let output: Vec<Message> = serde_json::from_str(text(&span, gen_ai::OUTPUT_MESSAGES)).unwrap();
    let parts = [
        Part::Reasoning { content: "hm".to_owned() },
        Part::Text { content: "let me see".to_owned() },
        Part::tool_call(Some("c1"), "weather", r#"{"city":"Paris"}"#),
    ];
    assert_eq!(output[0].parts, parts);
    assert_eq!(span.events.iter().filter(|event| event.name == "gen_ai.first_token").count(), 1);
}

#[test]
fn a_stream_that_is_given_up_keeps_what_came() {
    let (tracer, capture) = capturing();
    let mut call = tracer.start_model_call(&ModelRequest::chat("gone", &[]));
    call.on_text(0, "half an ans");
    drop(call);
    assert!(text(&capture.span("chat gone").unwrap(), gen_ai::OUTPUT_MESSAGES).contains("half an ans"));

    let mut call = tracer.start_model_call(&ModelRequest::chat("broken", &[]));
    call.on_text(0, "so far");
    call.fail(&std::io::Error::other("reset"));
    let span = capture.span("chat broken").unwrap();
    assert_eq!(span.status.code, StatusCode::Error);
    assert!(text(&span, gen_ai::OUTPUT_MESSAGES).contains("so far"));
}

#[test]
fn rewards_have_the_form_that_trainers_read() {
    let (tracer, capture) = capturing();
    {
        let _agent = tracer.trace_event(EventType::Agent, "agent");
        tracer.emit_rewards(&[("primary", 0.75), ("style", -1.0)]).unwrap();
    }
    let span = capture.span(lightning::ANNOTATION).unwrap();
    assert_eq!(text(&span, "agentlightning.reward.0.name"), "primary");
    assert_eq!(span.attribute("agentlightning.reward.0.value"), Some(&0.75.into()));
    assert_eq!(text(&span, "agentlightning.reward.1.name"), "style");
    assert_eq!(span.attribute("agentlightning.reward.1.value"), Some(&Attr::from(-1.0)));
    assert_eq!((span.status.code, span.duration_nanos()), (StatusCode::Ok, 0));
    assert_eq!(span.parent_span_id, Some(capture.span("agent").unwrap().span_id()));
}

#[test]
fn a_reward_can_be_about_a_span() {
    let (tracer, capture) = capturing();
    let call = tracer.trace_event(EventType::Model, "call");
    let about = call.span_context();
    drop(call);
    let annotation = Annotation::reward(1.0).about_span(&about).tag("checked").sequence_id(4);
    tracer.emit_annotation(&annotation.attribute("by", "judge")).unwrap();
    let span = capture.span(lightning::ANNOTATION).unwrap();
    assert_eq!(text(&span, "agentlightning.link.0.key_match"), "trace_id");
    assert_eq!(text(&span, "agentlightning.link.0.value_match"), about.trace_id.to_string());
    assert_eq!(text(&span, "agentlightning.link.1.value_match"), about.span_id.to_string());
    assert_eq!(span.links[0].context.span_id, about.span_id);
    assert_eq!((text(&span, "agentlightning.tag.0"), text(&span, "by")), ("checked", "judge"));
    assert_eq!(span.attribute(lightning::SEQUENCE_ID), Some(&4.into()));
}

#[test]
fn rewards_that_readers_stumble_over_are_refused() {
    let (tracer, capture) = capturing();
    assert!(matches!(tracer.emit_reward(f64::NAN), Err(AnnotationError::NotFinite { .. })));
    assert!(matches!(tracer.emit_rewards(&[("a", 1.0), ("a", 2.0)]), Err(AnnotationError::Twice { .. })));
    assert_eq!(tracer.emit_rewards(&[("", 1.0)]), Err(AnnotationError::Nameless));
    assert!(capture.spans().is_empty());
}

#[test]
fn messages_and_objects_are_spans_of_their_own() {
    let (tracer, capture) = capturing();
    tracer.emit_message("note this");
    assert_eq!(text(&capture.span(lightning::MESSAGE).unwrap(), lightning::MESSAGE_BODY), "note this");
    let objects = [
        (json!("a"), "str", "\"a\""),
        (json!(3), "int", "3"),
        (json!(1.5), "float", "1.5"),
        (json!(u64::MAX), "float", ""),
        (json!(null), "NoneType", "null"),
        (json!([1, 2]), "list", "[1,2]"),
        (json!({"k": 1}), "dict", "{\"k\":1}"),
    ];
    for (object, kind, as_json) in objects {
        capture.clear();
        tracer.emit_object(&object);
        let span = capture.span(lightning::OBJECT).unwrap();
        assert_eq!(text(&span, lightning::OBJECT_TYPE), kind);
        if object.is_object() || object.is_array() || object.is_null() {
            assert_eq!(text(&span, lightning::OBJECT_JSON), as_json);
        } else {
            assert!(span.attribute(lightning::OBJECT_LITERAL).is_some(), "{object}");
        }
    }
}

#[test]
fn without_a_recorder_nothing_is_built() {
    let config = TracerConfig::builder().tracer_type(TracerType::AgentSession).sampling_rate(0.0).build();
    let (tracer, capture) = Capture::with_config(&config).unwrap();
    let mut call = tracer.start_model_call(&ModelRequest::chat("m", &[Message::user("x")]));
    call.on_text(0, "piece");
    call.finish();
    assert!(tracer.emit_reward(1.0).is_ok());
    tracer.in_scope("fine", |_| Ok::<_, std::io::Error>(())).unwrap();
    assert!(capture.spans().is_empty());
}

#[test]
fn messages_are_captured_where_the_configuration_says_so() {
    let recorded = |types: TracerType, captures: Option<bool>| {
        let config =
            TracerConfig::builder().tracer_type(types).with(|c| c.capture_messages = captures).build();
        let (tracer, capture) = Capture::with_config(&config).unwrap();
        for _ in 0..2 {
            // Again, since names that are known take another way.
            let messages = [Message::user("the plan")];
            tracer.start_model_call(&ModelRequest::chat("m", &messages)).finish();
            let scope = tracer.trace_event(EventType::Tool, "tool");
            scope.set_attribute("input.value", "plan").set_attribute("agentops.tool.output", "plan");
            scope.add_event_with("gen_ai.content.prompt", &[("gen_ai.prompt", "the plan".into())]);
        }
        let spans = format!("{:?}", capture.spans());
        assert!(spans.contains("chat m") && spans.contains("agentops.span.kind"));
        spans.contains("plan")
    };
    assert!(recorded(TracerType::AgentSession, None));
    assert!(!recorded(TracerType::AgentSession, Some(false)));
    assert!(!recorded(TracerType::Otlp, None), "off by default elsewhere, as the convention says");
    assert!(recorded(TracerType::Otlp, Some(true)));
}
