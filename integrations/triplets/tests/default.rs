//! The default: today's conventions, rewards by link, number and time, and traces that are broken.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use serde_json::{Value, json};
use tracer_factory_core::ids::{SpanContext, SpanId, TraceId};
use tracer_factory_core::span::{Link, SpanData, Trace};
use tracer_factory_triplets::{
    Extraction, Options, OptionsBuilder, Reason, RewardMatch, TraceTriplets, agl, extract,
};

const HOUR: u64 = 1_700_000_000;

fn span(id: &str, parent: Option<&str>, name: &str, times: [u64; 2], attributes: Value) -> Value {
    json!({ "trace_id": "t", "span_id": id, "parent_id": parent, "name": name, "attributes": attributes,
            "start_time": HOUR + times[0], "end_time": HOUR + times[1] })
}

fn call(id: &str, times: [u64; 2], more: Value) -> Value {
    let mut span = span(id, Some("root"), "chat gpt-4", times, json!({ "gen_ai.operation.name": "chat" }));
    for (name, value) in more.as_object().unwrap() {
        span["attributes"][name] = value.clone();
    }
    span
}

fn reward(id: &str, at: u64, value: f64, more: Value) -> Value {
    let mut span = span(
        id,
        Some("root"),
        "agentlightning.annotation",
        [at, at],
        json!({ "agentlightning.reward.0.value": value }),
    );
    for (name, value) in more.as_object().unwrap() {
        span["attributes"][name] = value.clone();
    }
    span
}

fn run(spans: &[Value], options: OptionsBuilder) -> Extraction {
    let spans = agl::read_spans(&Value::from(spans).to_string()).unwrap();
    agl::extract(&spans, &options.why(true).build().unwrap()).unwrap()
}

fn rewards(extraction: &Extraction) -> Vec<(&str, Option<f64>)> {
    extraction.triplets.iter().map(|triplet| (&*triplet.source.span_id, triplet.reward_value())).collect()
}

fn reasons(extraction: &Extraction) -> Vec<(&str, Reason)> {
    extraction.why.iter().map(|why| (&*why.span_id, why.reason)).collect()
}

fn written(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn an_agent_of_rig_is_understood() {
    // The spans and attributes of rig 0.44: an agent, a call that asks for a tool, the tool, a call that answers.
    let chat = |id: &str, times, output: &str| {
        span(
            id,
            Some("agent"),
            "chat",
            times,
            json!({
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
                "gen_ai.response.id": format!("resp-{id}"), "gen_ai.response.model": "gpt-4o-2024",
                "gen_ai.system_instructions": r#"[{"type":"text","content":"Be brief."}]"#,
                "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"Weather?"}]}]"#,
                "gen_ai.output.messages": output,
            }),
        )
    };
    let ask = r#"[{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"weather","arguments":{"city":"Bonn"}}],"finish_reason":"tool_call"}]"#;
    let answer =
        r#"[{"role":"assistant","parts":[{"type":"text","content":"Rain."}],"finish_reason":"stop"}]"#;
    let spans = [
        span(
            "agent",
            None,
            "invoke_agent forecaster",
            [0, 9],
            json!({
                "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "forecaster",
            }),
        ),
        chat("1", [1, 2], ask),
        span(
            "tool",
            Some("agent"),
            "execute_tool",
            [3, 4],
            json!({ "gen_ai.operation.name": "execute_tool" }),
        ),
        span("e", Some("agent"), "embeddings", [3, 4], json!({ "gen_ai.operation.name": "embeddings" })),
        chat("2", [5, 6], answer),
    ];
    let extraction = run(&spans, Options::builder().agent_match("^forecaster$"));
    let triplets = written(&extraction.triplets);
    assert_eq!(
        triplets[0]["prompt"]["raw_content"],
        json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Weather?" }])
    );
    assert_eq!(
        triplets[0]["response"]["raw_content"],
        json!([{
            "role": "assistant", "content": null, "finish_reason": "tool_call",
            "tool_calls": [{ "id": "c", "name": "weather", "arguments": "{\"city\":\"Bonn\"}" }],
        }])
    );
    assert_eq!(triplets[1]["response"]["raw_content"][0]["content"], "Rain.");
    assert_eq!(
        triplets[1]["metadata"],
        json!({
            "request": { "model": "gpt-4o" }, "response": { "id": "resp-2", "model": "gpt-4o-2024" },
            "response_id": "resp-2", "agent_name": "forecaster",
        })
    );
    let not = Reason::NotLlmCall;
    let expected =
        [("agent", not), ("1", Reason::Triplet), ("tool", not), ("e", not), ("2", Reason::Triplet)];
    assert_eq!(reasons(&extraction), expected);
    assert!(run(&spans, Options::builder().agent_match("other")).triplets.is_empty());
}

#[test]
fn openinference_is_understood() {
    let spans = [span(
        "a",
        None,
        "ChatCompletion",
        [1, 2],
        json!({
            "openinference.span.kind": "LLM", "llm.model_name": "gpt-4",
            "llm.invocation_parameters": r#"{"temperature": 0.5}"#,
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "What is this?",
            "llm.input_messages.0.message.contents.1.message_content.type": "image",
            "llm.input_messages.0.message.contents.1.message_content.image.image.url": "http://images/1",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "A cat.",
        }),
    )];
    let triplet = written(&run(&spans, Options::builder()).triplets[0]);
    assert_eq!(triplet["prompt"]["image_urls"], json!(["http://images/1"]));
    assert_eq!(triplet["response"]["raw_content"], json!([{ "role": "assistant", "content": "A cat." }]));
    assert_eq!(triplet["metadata"]["request"], json!({ "model": "gpt-4", "temperature": 0.5 }));
}

#[test]
fn a_call_seen_by_two_libraries_is_one() {
    let id = json!({ "gen_ai.response.id": "x" });
    let mut inner = call("inner", [2, 3], id);
    inner["parent_id"] = json!("outer");
    let spans = [call("outer", [1, 4], json!({})), inner, reward("r", 5, 1.0, json!({}))];
    let extraction = run(&spans, Options::builder());
    assert_eq!(rewards(&extraction), [("inner", Some(1.0))]);
    assert_eq!(extraction.why[0].reason, Reason::Wrapper);
}

#[test]
fn a_link_wins_over_time() {
    let link = |key: &str, value: &str| json!({ "agentlightning.link.0.key_match": key, "agentlightning.link.0.value_match": value });
    let spans = |link: Value| {
        [
            span("root", None, "session", [0, 20], json!({})),
            call("a", [1, 2], json!({ "gen_ai.response.id": "x" })),
            call("b", [3, 4], json!({ "gen_ai.response.id": "y" })),
            reward("r", 5, 1.0, link),
        ]
    };
    for (key, value) in [("gen_ai.response.id", "x"), ("span_id", "a")] {
        let extraction = run(&spans(link(key, value)), Options::builder());
        assert_eq!(rewards(&extraction), [("a", Some(1.0)), ("b", None)], "{key}");
        assert!(extraction.why[3].text.contains("by an explicit link"), "{}", extraction.why[3].text);
    }
    // The latest call below the span that is meant.
    let below = run(&spans(link("span_id", "root")), Options::builder());
    assert_eq!(rewards(&below), [("a", None), ("b", Some(1.0))]);
    // All links have to fit, and one that leads nowhere is no invitation to guess.
    let mut both = link("gen_ai.response.id", "x");
    both["agentlightning.link.1.key_match"] = json!("span_id");
    both["agentlightning.link.1.value_match"] = json!("b");
    let nowhere = run(&spans(both), Options::builder());
    assert_eq!(rewards(&nowhere), [("a", None), ("b", None)]);
    assert_eq!(nowhere.why[3].reason, Reason::RewardUnassigned);
    // A call's own reward needs no link.
    let own =
        [call("a", [1, 2], json!({ "agentlightning.reward.0.value": 3 })), call("b", [3, 4], json!({}))];
    assert_eq!(rewards(&run(&own, Options::builder())), [("a", Some(3.0)), ("b", None)]);
}

#[test]
fn sequence_numbers_win_over_clocks() {
    let numbered = |mut span: Value, sequence: u32| {
        span["sequence_id"] = json!(sequence);
        span
    };
    // The reward's machine is late by its clock, and b's is early.
    let spans = |numbers: [u32; 3]| {
        [
            numbered(call("a", [1, 2], json!({})), numbers[0]),
            numbered(call("b", [3, 4], json!({})), numbers[1]),
            numbered(reward("r", 9, 1.0, json!({})), numbers[2]),
        ]
    };
    assert_eq!(rewards(&run(&spans([1, 5, 3]), Options::builder())), [("a", Some(1.0)), ("b", None)]);
    // One number for all says nothing.
    assert_eq!(rewards(&run(&spans([0, 0, 0]), Options::builder())), [("a", None), ("b", Some(1.0))]);
}

#[test]
fn time_counts_within_what_belongs_together() {
    let of = |mut span: Value, trace: &str, session: Option<&str>| {
        span["trace_id"] = json!(trace);
        if let Some(session) = session {
            span["attributes"]["session.id"] = json!(session);
        }
        span
    };
    let two = [
        of(call("a", [1, 2], json!({})), "1", None),
        of(call("b", [3, 4], json!({})), "2", None),
        of(reward("r", 5, 1.0, json!({})), "1", None),
    ];
    assert_eq!(rewards(&run(&two, Options::builder())), [("a", Some(1.0)), ("b", None)]);
    let session = [
        of(call("a", [1, 2], json!({})), "1", Some("s")),
        of(call("b", [3, 4], json!({})), "2", Some("s")),
        of(reward("r", 5, 1.0, json!({})), "3", Some("s")),
    ];
    assert_eq!(rewards(&run(&session, Options::builder())), [("a", None), ("b", Some(1.0))]);
    // A trace for the reward alone.
    let alone = [of(call("a", [1, 2], json!({})), "1", None), of(reward("r", 5, 1.0, json!({})), "2", None)];
    assert_eq!(rewards(&run(&alone, Options::builder())), [("a", Some(1.0))]);
    let mut cousin = reward("r", 5, 1.0, json!({}));
    cousin["parent_id"] = json!("b");
    let spans = [
        span("root", None, "x", [0, 9], json!({})),
        call("a", [1, 2], json!({})),
        call("b", [3, 6], json!({})),
        cousin,
    ];
    let siblings = run(&spans, Options::builder().reward_match(RewardMatch::FirstSibling));
    assert_eq!(rewards(&siblings), [("a", None), ("b", None)]);
}

#[test]
fn broken_traces_give_what_there_is() {
    let timeless = |mut span: Value| {
        span["start_time"] = Value::Null;
        span["end_time"] = Value::Null;
        span
    };
    let mut endless = call("a", [1, 2], json!({}));
    endless["end_time"] = Value::Null;
    let spans = [endless, reward("r", 5, 1.0, json!({})), timeless(call("b", [0, 0], json!({})))];
    assert_eq!(rewards(&run(&spans, Options::builder())), [("a", Some(1.0)), ("b", None)]);

    let mut circle = [call("a", [1, 2], json!({})), span("root", Some("a"), "x", [0, 9], json!({}))];
    assert_eq!(rewards(&run(&circle, Options::builder())), [("a", None)]);
    circle[0]["parent_id"] = json!("a");
    assert_eq!(rewards(&run(&circle, Options::builder())), [("a", None)]);

    let twice = [call("a", [1, 2], json!({})), call("a", [1, 2], json!({ "gen_ai.request.model": "m" }))];
    let extraction = run(&twice, Options::builder());
    assert_eq!(reasons(&extraction), [("a", Reason::DuplicateSpanId), ("a", Reason::Triplet)]);
    assert_eq!(written(&extraction.triplets[0])["metadata"]["request"], json!({ "model": "m" }));

    let nonsense = json!({ "agentlightning.reward": "much", "agentlightning.reward.x": 1, "reward": [1] });
    let mut bad = reward("r", 5, 1.0, nonsense);
    bad["attributes"]["agentlightning.reward.0.value"] = json!("NaN");
    assert_eq!(rewards(&run(&[call("a", [1, 2], json!({})), bad], Options::builder())), [("a", None)]);
    assert!(run(&[], Options::builder()).triplets.is_empty());
}

#[test]
fn spans_of_a_tracer_with_opentelemetrys_links() {
    let span = |id: u64, name: &str, attributes: &[(&str, &str)]| SpanData {
        context: SpanContext {
            trace_id: TraceId::from_int(1),
            span_id: SpanId::from_int(id),
            ..SpanContext::default()
        },
        name: name.to_owned(),
        start_unix_nanos: HOUR * 1_000_000_000 + id * 10,
        end_unix_nanos: HOUR * 1_000_000_000 + id * 10 + 5,
        attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned().into())).collect(),
        ..SpanData::default()
    };
    let chat = [("gen_ai.operation.name", "chat")];
    let mut spans = vec![span(1, "chat", &chat), span(2, "chat", &chat)];
    let mut reward = span(3, "agentlightning.annotation", &[("agentlightning.reward.0.value", "0.5")]);
    reward.links.push(Link { context: spans[0].context.clone(), ..Link::default() });
    spans.push(reward);
    let trace = Trace { spans, omitted_spans: 0 };
    let extraction = trace.triplets(&Options::default()).unwrap();
    let rewards: Vec<_> = extraction.triplets.iter().map(|triplet| triplet.reward_value()).collect();
    assert_eq!(rewards, [Some(0.5), None]);
    assert_eq!(extract(&trace.spans, &Options::default()).unwrap(), extraction);
    assert!(extraction.why.is_empty(), "nobody asked");
}
