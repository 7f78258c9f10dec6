//! Cases whose answers agent-lightning 0.3.0 gave.

use serde_json::{Value, json};
use tracer_factory_triplets::{Error, Extraction, Options, OptionsBuilder, Reason, agl};

const CALL: &str = "openai.chat.completion";

fn span(id: &str, parent: Option<&str>, name: &str, times: [u32; 2], attributes: Value) -> Value {
    json!({ "span_id": id, "parent_id": parent, "name": name, "attributes": attributes,
            "start_time": times[0], "end_time": times[1] })
}

fn reward(id: &str, parent: Option<&str>, at: u32, value: f64) -> Value {
    let attributes =
        json!({ "agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": value });
    span(id, parent, "agentlightning.annotation", [at, at], attributes)
}

fn run(spans: &[Value], options: OptionsBuilder) -> Result<Extraction, Error> {
    let spans = agl::read_spans(&Value::from(spans).to_string()).unwrap();
    agl::extract(&spans, &options.why(true).build().unwrap())
}

/// Span and reward of each triplet, strictly.
fn rewards(spans: &[Value], options: OptionsBuilder) -> Vec<(String, Option<f64>)> {
    let triplets = run(spans, options.strict(true)).unwrap().triplets;
    triplets.into_iter().map(|triplet| (triplet.source.span_id.clone(), triplet.reward_value())).collect()
}

fn root() -> Value {
    span("root", None, "session", [0, 100], json!({}))
}

#[test]
fn each_reward_goes_to_the_latest_call_without_one() {
    let spans = [
        root(),
        span("a", Some("root"), CALL, [1, 2], json!({})),
        span("b", Some("root"), CALL, [3, 4], json!({})),
        reward("r1", Some("root"), 5, 1.0),
        reward("r2", Some("root"), 6, 2.0),
    ];
    let expected = [("a".to_owned(), Some(2.0)), ("b".to_owned(), Some(1.0))];
    assert_eq!(rewards(&spans, Options::builder()), expected);
    let last = [("a".to_owned(), Some(2.0)), ("b".to_owned(), Some(7.0))];
    assert_eq!(rewards(&spans, Options::builder().final_reward(7.0)), last);
}

#[test]
fn a_reward_inside_a_call_is_nobodys() {
    let spans = [root(), span("a", Some("root"), CALL, [1, 5], json!({})), reward("r", Some("a"), 3, 1.0)];
    assert_eq!(rewards(&spans, Options::builder()), [("a".to_owned(), None)]);
}

#[test]
fn a_response_counts_once_and_a_nested_call_needs_an_identifier() {
    let id = json!({ "gen_ai.response.id": "x" });
    let twice = [
        root(),
        span("a", Some("root"), CALL, [1, 2], id.clone()),
        span("b", Some("root"), CALL, [3, 4], id),
    ];
    assert_eq!(rewards(&twice, Options::builder()).len(), 1);
    let nested = [
        root(),
        span("a", Some("root"), CALL, [1, 4], json!({})),
        span("b", Some("a"), CALL, [2, 3], json!({})),
    ];
    assert_eq!(rewards(&nested, Options::builder()), [("a".to_owned(), None)]);
}

#[test]
fn a_call_below_a_reward_was_made_to_judge() {
    let operation = json!({ "agentlightning.operation.name": "agentlightning.reward" });
    let spans = [
        root(),
        span("op", Some("root"), "agentlightning.operation", [1, 9], operation),
        span("a", Some("op"), CALL, [2, 3], json!({})),
    ];
    let extraction = run(&spans, Options::builder().strict(true)).unwrap();
    assert!(extraction.triplets.is_empty());
    assert_eq!(extraction.why[2].reason, Reason::UnderReward);
}

#[test]
fn an_agent_that_does_not_match_ends_the_subtree() {
    let agent = |id: &str, parent: &str, name: &str, times| {
        span(id, Some(parent), "agent", times, json!({ "agent.name": name }))
    };
    let spans = [
        root(),
        agent("p", "root", "planner", [1, 20]),
        span("a", Some("p"), CALL, [2, 3], json!({})),
        agent("w", "p", "writer", [4, 10]),
        span("b", Some("w"), CALL, [5, 6], json!({})),
        // Beside its agent: time says where it belongs.
        span("c", Some("root"), CALL, [7, 8], json!({})),
    ];
    let of = |pattern: &str| rewards(&spans, Options::builder().agent_match(pattern));
    let ids = |found: Vec<(String, Option<f64>)>| found.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(of("^planner$")), ["a"]);
    assert_eq!(ids(of("^writer$")), ["b", "c"]);
    assert!(of("critic").is_empty());
}

#[test]
fn a_triplet_is_written_as_the_package_writes_it() {
    let attributes = json!({
        "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hello",
        "gen_ai.completion.0.content": "hi", "gen_ai.request.model": "gpt-4", "gen_ai.response.id": "x",
        "prompt_token_ids": [1, 2], "response_token_ids": [3],
    });
    let triplets =
        run(&[span("a", None, CALL, [1, 2], attributes)], Options::builder().strict(true)).unwrap();
    let expected = concat!(
        r#"{"prompt":{"token_ids":[1,2],"raw_content":[{"content":"hello","role":"user"}],"image_urls":[]},"#,
        r#""response":{"token_ids":[3],"raw_content":[{"content":"hi"}]},"reward":null,"#,
        r#""metadata":{"request":{"model":"gpt-4"},"response":{"id":"x"},"response_id":"x","agent_name":"*"}}"#,
    );
    assert_eq!(triplets.to_json_lines(), format!("{expected}\n"));
}

#[test]
fn what_python_trips_over_is_an_error_and_no_trouble_by_default() {
    let without_end = |mut span: Value| {
        span["end_time"] = Value::Null;
        span
    };
    let bad_reward = |attributes| [root(), span("a", Some("root"), "x", [1, 2], attributes)];
    let a = |parent| span("a", Some(parent), CALL, [1, 2], json!({}));
    let b = |parent| span("b", parent, CALL, [3, 4], json!({}));
    let cases: Vec<(Vec<Value>, &str)> = vec![
        (vec![], "no spans"),
        (vec![a("a")], "no span is a root"),
        (vec![a("b"), b(Some("a")), b(None)], "its own ancestor"),
        (vec![root(), without_end(a("root")), b(Some("root"))], "no end time"),
        (bad_reward(json!({ "agentlightning.reward": 1.0 })).into(), "can't be read by Python"),
        (bad_reward(json!({ "agentlightning.reward.0.value": 1.0 })).into(), "has no name"),
        (bad_reward(json!({ "agentops.task.output": "5" })).into(), "no object"),
        (bad_reward(json!({ "x": null })).into(), "attribute \"x\" of span a"),
        (vec![span("a", None, CALL, [1, 2], json!({ "gen_ai.prompt": "x" }))], "\"gen_ai.prompt\""),
        (vec![span("a", None, CALL, [1, 2], json!({ "logprobs.content": "x" }))], "logprobs.content"),
    ];
    for (spans, words) in cases {
        let error = run(&spans, Options::builder().strict(true)).unwrap_err().to_string();
        assert!(error.starts_with("strict: ") && error.contains(words), "{error}");
        run(&spans, Options::builder()).unwrap();
    }
    let number = [span("a", None, CALL, [1, 2], json!({ "agent.name": 7 }))];
    let error = run(&number, Options::builder().strict(true).agent_match("x")).unwrap_err();
    assert_eq!(error, Error::AgentName { span: "a".to_owned() });
}

#[test]
fn deep_traces_and_tangled_identifiers_end() {
    let chain: Vec<Value> = (0..50_000)
        .map(|i| {
            span(&i.to_string(), (i > 0).then(|| (i - 1).to_string()).as_deref(), CALL, [1, 2], json!({}))
        })
        .collect();
    for strict in [true, false] {
        assert_eq!(run(&chain, Options::builder().strict(strict)).unwrap().triplets.len(), 1);
    }
    // Each identifier twice below the one before: a tree of 2^200 nodes for Python.
    let tangled: Vec<Value> = (0..400)
        .map(|i| {
            span(
                &(i / 2).to_string(),
                (i > 1).then(|| (i / 2 - 1).to_string()).as_deref(),
                "x",
                [1, 2],
                json!({}),
            )
        })
        .collect();
    assert!(matches!(run(&tangled, Options::builder().strict(true)), Err(Error::Tangled { .. })));
    run(&tangled, Options::builder()).unwrap();
}
