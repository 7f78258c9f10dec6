//! `demo`: whole traces, an answer for everybody, and a clean end.

use std::collections::HashSet;
use std::net::TcpListener;
use std::process::Output;

use crate::program::{Running, command, request, url_in};

const QUERY: &str = r#"{"user_id": "user_42", "query": "Explain distributed tracing"}"#;

fn once(port: &str) -> Output {
    command(&["demo", "--once", "--port", port]).env("TRACER_TYPE", "noop").output().unwrap()
}

/// Heading and lines of each tree in `text`.
fn trees(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut trees: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut in_tree = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("trace ") {
            trees.push((heading, Vec::new()));
            in_tree = true;
        } else if in_tree && !line.starts_with("http") {
            trees.last_mut().unwrap().1.push(line);
        } else {
            in_tree = false;
        }
    }
    trees
}

/// A line up to its duration, which differs each time.
fn without_times(line: &str) -> &str {
    let end = line.find(|c: char| c.is_ascii_digit()).unwrap();
    line[..end].trim_end()
}

#[test]
fn once_prints_whole_traces_and_ends_well() {
    let output = once("0");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");

    let valid = [
        "handle_query (api-gateway) server",
        "└─ process_user_request (user-service) server",
        "   ├─ validate_user (user-service)",
        "   └─ generate_response (llm-service) server",
        "      └─ openai.chat.completions.create (llm-service)",
    ];
    let invalid = [valid[0], valid[1], "   └─ validate_user (user-service)"];
    let trees = trees(&text);
    let shapes: Vec<Vec<&str>> =
        trees.iter().map(|(_, lines)| lines.iter().map(|line| without_times(line)).collect()).collect();
    assert_eq!(shapes, [valid.to_vec(), valid.to_vec(), invalid.to_vec()], "{text}");

    let counts: Vec<_> = trees.iter().map(|(heading, _)| heading.split(" · ").nth(1).unwrap()).collect();
    assert_eq!(counts, ["5 spans", "5 spans", "3 spans"]);
    let ids: HashSet<_> = trees.iter().map(|(heading, _)| heading.split(' ').next().unwrap()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.len() == 32), "{ids:?}");
    for id in ids {
        assert!(text.lines().any(|line| line.ends_with(&format!("/api/traces/{id}"))), "{text}");
    }

    assert!(text.contains("user_id=user_123") && text.contains("is_valid=false"), "{text}");
    assert!(text.contains("\n200 {\"response\":\"Distributed tracing "), "{text}");
    assert!(text.contains("\n200 {\"error\":\"Invalid user\"}\n"), "{text}");
}

#[test]
fn a_taken_port_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // The last two ports leave no room for the other services; the system does not give them out.
    let output = once(&port.to_string());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("(port {port} is taken)")), "{text}");
}

#[test]
fn other_peoples_requests_are_answered_and_printed() {
    let demo = Running::start(&["demo", "--port", "0"]);
    let server = url_in(&demo.line_with("embedded trace server")).to_owned();
    let gateway = url_in(&demo.line_with("curl -X POST")).to_owned();
    demo.line_with("Ctrl-C");

    let (head, body) = request("POST", &gateway, QUERY);
    assert!(head.starts_with("HTTP/1.1 200 ") && body.starts_with("{\"response\":"), "{head} {body}");
    let id = head.lines().find_map(|line| line.strip_prefix("x-trace-id: ")).unwrap().to_owned();
    assert!(demo.line_with(&format!("trace {id}")).contains("5 spans · 3 services"));
    assert!(demo.line_with("handle_query").contains("user_id=user_42"));

    let (_, trace) = request("GET", &format!("{server}/api/traces/{id}"), "");
    let trace: serde_json::Value = serde_json::from_str(&trace).unwrap();
    let services = trace["resourceSpans"].as_array().unwrap().len();
    assert!(services >= 3 && trace.to_string().contains("openai.chat.completions.create"), "{trace}");

    let (head, body) = request("POST", &gateway, "{");
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("the body must be JSON"), "{head} {body}");
    assert!(demo.line_with("trace ").contains("1 span ·"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_well() {
    let demo = Running::start(&["demo", "--port", "0"]);
    demo.line_with("Ctrl-C");
    let killed = std::process::Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut command = command(&["demo", "--once", "--port", "0"]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_port_without_room_for_the_others_is_refused() {
    let output = once("65534");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("65533"));
}
