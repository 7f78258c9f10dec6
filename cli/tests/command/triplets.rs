//! `triplets`: files in, triplets out, and errors that name the file, the option or the span.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::program::command;

fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = command(&[&["triplets", "-"], arguments].concat());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// A call in today's gen_ai convention, then its reward.
fn otlp() -> String {
    let messages = r#"[{"role":"user","parts":[{"type":"text","content":"2+2?"}]}]"#;
    let span = |id: &str, name: &str, start: u64, attributes: Value| {
        json!({
            "traceId": "000000000000000000000000000000aa", "spanId": id, "name": name,
            "startTimeUnixNano": (1_700_000_000_000_000_000 + start).to_string(),
            "endTimeUnixNano": (1_700_000_000_000_000_010 + start).to_string(), "attributes": attributes,
        })
    };
    let call = span(
        "0000000000000001",
        "chat gpt-4",
        0,
        json!([attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.input.messages", messages),]),
    );
    let reward = span(
        "0000000000000002",
        "agentlightning.annotation",
        100,
        json!([
            attribute("agentlightning.reward.0.name", "primary"),
            { "key": "agentlightning.reward.0.value", "value": { "doubleValue": 0.5 } },
        ]),
    );
    json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [call, reward] }] }] }).to_string()
}

#[test]
fn otlp_becomes_triplets() {
    let triplets = printed(&run(&[], &otlp()));
    assert_eq!(triplets[0]["prompt"]["raw_content"], json!([{ "role": "user", "content": "2+2?" }]));
    assert_eq!(triplets[0]["reward"], 0.5);
    // Today's convention is unknown to agent-lightning 0.3.0.
    assert_eq!(printed(&run(&["--strict"], &otlp())), json!([]));
    let matched = printed(&run(&["--strict", "--llm-call-match", "^chat "], &otlp()));
    assert_eq!(matched[0]["metadata"]["agent_name"], "*");
}

#[test]
fn reasons_and_lines() {
    let lines = otlp() + "\n" + &otlp() + "\n";
    let explained = printed(&run(&["--why", "--final-reward", "-1"], &lines));
    let reasons: Vec<_> = explained["why"].as_array().unwrap().iter().map(|why| &why["reason"]).collect();
    assert_eq!(reasons, ["duplicate-span-id", "duplicate-span-id", "triplet", "reward-assigned"]);
    assert_eq!(explained["triplets"][0]["reward"], -1.0);

    let output = run(&["--jsonl", "--why"], &otlp());
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().count(), 1);
    assert!(out.starts_with(r#"{"prompt":{"token_ids":[],"raw_content":[{"role":"user""#), "{out}");
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 2);
}

#[test]
fn agent_lightnings_own_json_and_its_proxys() {
    let span = |id: &str, name: &str, sequence: u32, attributes: Value| {
        json!({ "rollout_id": "ro", "attempt_id": "at", "sequence_id": sequence, "trace_id": "t", "span_id": id,
                "parent_id": null, "name": name, "attributes": attributes, "start_time": 1.0, "end_time": 1.0 })
    };
    let call = span(
        "a",
        "raw_gen_ai_request",
        1,
        json!({
            "llm.hosted_vllm.prompt_token_ids": "[1, 2]", "llm.hosted_vllm.response_token_ids": "[[3]]",
        }),
    );
    let reward = span(
        "b",
        "agentlightning.annotation",
        2,
        json!({
            "agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": 1,
        }),
    );
    let expected = json!([{
        "prompt": { "token_ids": [1, 2] }, "response": { "token_ids": [3] }, "reward": 1.0,
        "metadata": { "response_id": null },
    }]);
    let lines = format!("{reward}\n{call}\n");
    for text in [json!([call, reward]).to_string(), json!({ "items": [call, reward] }).to_string(), lines] {
        for more in [&["--proxy"][..], &["--proxy", "--strict"]] {
            assert_eq!(printed(&run(&[&["--input", "agl-json"], more].concat(), &text)), expected);
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (arguments, input, words) in [
        (&[][..], "{", "- is not OTLP JSON"),
        (&["--input", "agl-json"], "{", "- is not agent-lightning's span JSON: line 1"),
        (&["--input", "agl-json"], "[{\"span_id\":\"a\"}]", "span 1: name is missing"),
        (&["--input", "otlp-proto"], "\u{7f}\u{7f}", "- is not OTLP protobuf"),
        (&["--llm-call-match", "("], "", "--llm-call-match: "),
        (&["--agent-match", r"(a)\1"], "", "--agent-match: "),
        (&["--strict"], "{}", "there are no spans"),
    ] {
        let output = run(arguments, input);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.starts_with("error: ") && error.contains(words), "{arguments:?}: {error}");
    }
    let output = command(&["triplets", "/no/such/file"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("/no/such/file can't be read"));
    let output = run(&["--reward-match", "last"], "");
    assert!(String::from_utf8(output.stderr).unwrap().contains("first_occurrence or first_sibling"));
}
