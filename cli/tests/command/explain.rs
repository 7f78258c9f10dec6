//! `explain`: sources, secrets, and errors that say what to do.

use crate::program::command;

#[test]
fn says_where_each_value_is_from_and_no_secret() {
    let variables = [
        ("TRACER_TYPE", "jaeger,zipkin"),
        ("TRACER_SERVICE_NAME", "worker"),
        ("OTEL_SERVICE_NAME", "other"),
        ("AGENTOPS_API_KEY", "canary"),
    ];
    for arguments in [&["explain"][..], &["explain", "--json"]] {
        let output = command(arguments).envs(variables).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !text.contains("canary"), "{text}");
        for words in ["jaeger,zipkin", "TRACER_SERVICE_NAME", "OTEL_SERVICE_NAME", "<hidden>"] {
            assert!(text.contains(words), "no {words} in {text}");
        }
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), arguments.len() == 2);
    }
}

#[test]
fn a_wrong_environment_is_an_error() {
    let output = command(&["explain"]).env("TRACER_TYPE", "jeager").output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.starts_with("error: TRACER_TYPE=") && words.contains("jaeger"), "{words}");
}
