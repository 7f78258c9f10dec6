//! The query API over HTTP, of a server with its traces in memory and of one with them on disk, before and after a restart.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use tracer_factory_agent_session::{QueryClient, SessionQuery, TraceQuery};

const SECOND: u64 = 1_000_000_000;

fn text(value: &str) -> Any {
    Any::StringValue(value.to_owned())
}

/// A span that starts and ends at these seconds after a fixed moment.
fn timed(
    trace: u128,
    id: u64,
    parent: u64,
    name: &str,
    (start, end): (u64, u64),
    attributes: &[(&str, Any)],
) -> Span {
    let at = |seconds: u64| 1_700_000_000 * SECOND + seconds * SECOND;
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
        name: name.to_owned(),
        start_time_unix_nano: at(start),
        end_time_unix_nano: at(end),
        attributes: attributes.iter().map(|(key, value)| pair(key, value.clone())).collect(),
        ..Span::default()
    }
}

fn send(server: &Placed, service: &str, spans: Vec<Span>) {
    let answer = post(&format!("{}/v1/traces", server.url()), &[PROTOBUF], &protobuf(service, spans));
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", String::from_utf8_lossy(&answer.body));
}

fn ask(server: &Placed, path: &str) -> Value {
    let answer = get(&format!("{}{path}", server.url()));
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"), "{}", answer.text());
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    answer.json()
}

fn names(server: &Placed, query: &str) -> Vec<String> {
    let list = ask(server, &format!("/api/traces?{query}"));
    list["traces"].as_array().unwrap().iter().map(|t| t["root_name"].as_str().unwrap().to_owned()).collect()
}

/// An agent's session of two traces, a trace of a shop, and one that an older library made.
fn fill(server: &Placed) {
    let session = ("session.id", text("s/1 ä&?"));
    send(
        server,
        "agent",
        vec![
            timed(
                1,
                1,
                0,
                "plan a trip",
                (0, 10),
                &[
                    session.clone(),
                    ("agentops.span.kind", text("agent")),
                    (
                        "agentops.tags",
                        Any::ArrayValue(ArrayValue {
                            values: ["travel", "beta"]
                                .map(|tag| AnyValue { value: Some(text(tag)) })
                                .to_vec(),
                        }),
                    ),
                ],
            ),
            timed(
                1,
                2,
                1,
                "chat gpt-4o",
                (1, 3),
                &[
                    ("gen_ai.operation.name", text("chat")),
                    ("gen_ai.request.model", text("gpt-4o")),
                    ("gen_ai.response.model", text("gpt-4o-2024")),
                    ("gen_ai.usage.input_tokens", Any::IntValue(100)),
                    ("gen_ai.usage.output_tokens", Any::IntValue(20)),
                    ("gen_ai.usage.cost", Any::DoubleValue(0.25)),
                ],
            ),
            timed(1, 3, 1, "search flights", (3, 4), &[("openinference.span.kind", text("TOOL"))]),
        ],
    );
    send(
        server,
        "agent",
        vec![
            timed(
                2,
                1,
                0,
                "book",
                (20, 25),
                &[
                    session.clone(),
                    ("event_type", text("task")),
                    ("agentops.session.end_state", text("Success")),
                    ("llm.token_count.prompt", text("7")),
                    ("llm.cost.total", Any::DoubleValue(0.5)),
                ],
            ),
            timed(
                2,
                2,
                1,
                "agentlightning.annotation",
                (24, 24),
                &[
                    ("agentlightning.reward.0.name", text("speed")),
                    ("agentlightning.reward.0.value", Any::DoubleValue(9.0)),
                    ("agentlightning.reward.1.name", text("primary")),
                    ("agentlightning.reward.1.value", Any::DoubleValue(0.75)),
                ],
            ),
        ],
    );
    let mut failed =
        timed(3, 1, 0, "GET /Cart", (5, 6), &[("openinference.project.name", text("shop-project"))]);
    failed.status = span(1, 1, 0, "").status;
    send(server, "gateway", vec![failed]);
    send(server, "cart", vec![timed(3, 2, 1, "load cart", (5, 6), &[])]);
    send(
        server,
        "trainer",
        vec![timed(
            4,
            1,
            0,
            "rollout",
            (7, 8),
            &[
                ("agentlightning.rollout_id", text("ro-1")),
                ("agentlightning.attempt_id", text("at-1")),
                ("agentlightning.tag.0", text("train")),
                ("agentops.task.output", text(r#"{"type":"reward","value":1.5}"#)),
            ],
        )],
    );
}

fn on_both(check: impl Fn(&Placed)) {
    for server in in_both_places() {
        fill(&server);
        check(&server);
        check(&server.restarted());
    }
}

#[test]
fn a_summary_says_what_the_spans_say() {
    on_both(|server| {
        let list = ask(server, "/api/traces?session_id=s%2F1%20%C3%A4%26%3F");
        assert_eq!(
            list,
            json!({ "next": null, "traces": [
                {
                    "trace_id": format!("{:032x}", 2), "root_name": "book", "has_root": true, "root_kind": "task",
                    "project": "agent", "session_id": "s/1 ä&?", "services": ["agent"], "kinds": ["task"],
                    "tags": [], "start_unix_nanos": "1700000020000000000", "duration_nanos": "5000000000",
                    "spans": 2, "errors": 0, "omitted_spans": 0, "input_tokens": 7, "output_tokens": 0,
                    "cost_usd": 0.5, "reward": 0.75, "model": null,
                },
                {
                    "trace_id": format!("{:032x}", 1), "root_name": "plan a trip", "has_root": true,
                    "root_kind": "agent", "project": "agent", "session_id": "s/1 ä&?", "services": ["agent"],
                    "kinds": ["agent", "tool", "llm"], "tags": ["beta", "travel"],
                    "start_unix_nanos": "1700000000000000000", "duration_nanos": "10000000000",
                    "spans": 3, "errors": 0, "omitted_spans": 0, "input_tokens": 100, "output_tokens": 20,
                    "cost_usd": 0.25, "reward": null, "model": "gpt-4o-2024",
                },
            ] })
        );
    });
}

#[test]
fn every_filter_restricts() {
    on_both(|server| {
        for (query, expected) in [
            ("", &["rollout", "GET /Cart", "book", "plan a trip"][..]),
            ("limit=2", &["rollout", "GET /Cart"]),
            ("limit=0", &[]),
            ("limit=99999999999", &["rollout", "GET /Cart", "book", "plan a trip"]),
            ("service=cart", &["GET /Cart"]),
            ("service=car", &[]),
            ("name=chat", &["plan a trip"]),
            ("name=Chat", &[]),
            ("q=CART", &["GET /Cart"]),
            ("q=gateway", &["GET /Cart"]),
            ("q=FLIGHTS", &["plan a trip"]),
            ("q=00000000000000000000000000000002", &["book"]),
            ("q=0000", &["rollout", "GET /Cart", "book", "plan a trip"]),
            ("q=nothing", &[]),
            ("kind=llm", &["plan a trip"]),
            ("kind=task", &["book"]),
            ("kind=nonsense", &[]),
            ("errors=true", &["GET /Cart"]),
            ("errors=false", &["rollout", "book", "plan a trip"]),
            ("min_duration_nanos=5000000000", &["book", "plan a trip"]),
            ("max_duration_nanos=5000000000", &["rollout", "GET /Cart", "book"]),
            ("tag=beta", &["plan a trip"]),
            ("tag=train", &["rollout"]),
            ("project=shop-project", &["GET /Cart"]),
            ("project=agent", &["book", "plan a trip"]),
            ("session_id=ro-1%2Fat-1", &["rollout"]),
            ("session_id=00000000000000000000000000000003", &["GET /Cart"]),
            ("session_id=00000000000000000000000000000001", &[]),
            ("reward=true", &["rollout", "book"]),
            ("reward=false", &["GET /Cart", "plan a trip"]),
            ("reward=true&tag=train&errors=false&q=roll", &["rollout"]),
        ] {
            assert_eq!(names(server, query), expected, "{query}");
        }
    });
}

#[test]
fn pages_follow_one_another() {
    on_both(|server| {
        let client = QueryClient::new(server.url()).unwrap();
        let mut query = TraceQuery::default();
        query.limit = 1;
        let mut seen = Vec::new();
        loop {
            let list = client.trace_list(&query).unwrap();
            seen.extend(list.traces.into_iter().map(|trace| trace.root_name));
            query.before = list.next;
            if query.before.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["rollout", "GET /Cart", "book", "plan a trip"]);
        let mut query = SessionQuery::default();
        query.limit = 1;
        let mut seen = Vec::new();
        loop {
            let list = client.sessions(&query).unwrap();
            seen.extend(list.sessions.into_iter().map(|session| session.session_id));
            query.before = list.next;
            if query.before.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["ro-1/at-1", "00000000000000000000000000000003", "s/1 ä&?"]);
    });
}

#[test]
fn sessions_are_their_traces_together() {
    on_both(|server| {
        let session = ask(server, "/api/sessions/s%2F1%20%C3%A4%26%3F");
        assert_eq!(
            session["session"],
            json!({
                "session_id": "s/1 ä&?", "project": "agent", "traces": 2, "spans": 5, "errors": 0,
                "start_unix_nanos": "1700000000000000000", "end_unix_nanos": "1700000025000000000",
                "services": ["agent"], "tags": ["beta", "travel"], "end_state": "Success",
                "input_tokens": 107, "output_tokens": 20, "cost_usd": 0.75, "reward": 0.75,
                "rollout_id": null, "attempt_id": null, "root_name": "plan a trip",
            })
        );
        let traces: Vec<_> = session["traces"].as_array().unwrap().iter().map(|t| &t["root_name"]).collect();
        assert_eq!(traces, ["plan a trip", "book"], "the oldest first");
        let client = QueryClient::new(server.url()).unwrap();
        assert_eq!(client.session("s/1 ä&?").unwrap().unwrap().traces.len(), 2);
        assert!(client.session("nobody's").unwrap().is_none());
        // Without a session, the trace is one.
        let alone = client.session("00000000000000000000000000000003").unwrap().unwrap();
        assert_eq!((alone.session.traces, alone.session.errors), (1, 1));
        let rollout = client.session("ro-1/at-1").unwrap().unwrap().session;
        assert_eq!(
            (rollout.rollout_id.as_deref(), rollout.attempt_id.as_deref()),
            (Some("ro-1"), Some("at-1"))
        );
        assert_eq!(rollout.reward, Some(1.5));
        let ids = |query: &str| {
            let list = ask(server, &format!("/api/sessions?{query}"));
            let sessions = list["sessions"].as_array().unwrap().clone();
            sessions.iter().map(|s| s["session_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids("q=flights"), ["s/1 ä&?"]);
        assert_eq!(ids("q=RO-1"), ["ro-1/at-1"]);
        assert_eq!(ids("tag=travel"), ["s/1 ä&?"]);
        assert_eq!(ids("project=shop-project"), ["00000000000000000000000000000003"]);
        assert_eq!(ids("project=nobody"), [""; 0]);
    });
}

#[test]
fn facets_and_services() {
    on_both(|server| {
        assert_eq!(
            ask(server, "/api/facets"),
            json!({
                "services": ["agent", "cart", "gateway", "trainer"],
                "names": ["GET /Cart", "agentlightning.annotation", "book", "chat gpt-4o", "load cart",
                          "plan a trip", "rollout", "search flights"],
                "projects": ["agent", "shop-project", "trainer"],
                "kinds": ["agent", "llm", "task", "tool"],
                "tags": ["beta", "train", "travel"],
            })
        );
        let map = QueryClient::new(server.url()).unwrap().services(100).unwrap();
        assert_eq!(map.traces, 4);
        let edges: Vec<_> =
            map.edges.iter().map(|edge| (edge.from.as_str(), edge.to.as_str(), edge.calls)).collect();
        assert_eq!(edges, [("gateway", "cart", 1)]);
        let gateway = map.nodes.iter().find(|node| node.service == "gateway").unwrap();
        assert_eq!((gateway.spans, gateway.errors, gateway.p99_nanos), (1, 1, SECOND));
        assert_eq!(ask(server, "/api/services?limit=1")["traces"], 1);
    });
}

#[test]
fn a_trace_in_other_formats() {
    on_both(|server| {
        let path = format!("/api/traces/{:032x}", 3);
        let jaeger = ask(server, &format!("{path}?format=jaeger"));
        let spans = jaeger["data"][0]["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 2);
        assert_eq!(
            spans[1]["references"][0],
            json!({
                "refType": "CHILD_OF", "traceID": format!("{:032x}", 3), "spanID": format!("{:016x}", 1)
            })
        );
        assert_eq!(
            (&spans[1]["startTime"], &spans[1]["duration"]),
            (&json!(1_700_000_005_000_000u64), &json!(1_000_000))
        );
        let process = spans[1]["processID"].as_str().unwrap();
        assert_eq!(jaeger["data"][0]["processes"][process]["serviceName"], "cart");
        assert!(
            spans[0]["tags"]
                .as_array()
                .unwrap()
                .contains(&json!({ "key": "error", "type": "bool", "value": true }))
        );

        let chrome = ask(server, &format!("{path}?format=chrome"));
        let events = chrome["traceEvents"].as_array().unwrap();
        let complete: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(complete.len(), 2);
        assert!(complete.iter().all(|event| event["dur"] == 1e6 && event["ts"] == 0.0));
        assert_eq!(ask(server, &format!("{path}?format=otlp")), ask(server, &path));
        let answer = get(&format!("{}{path}?format=pdf", server.url()));
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("otlp, jaeger or chrome"), "{}", answer.text());
    });
}

#[test]
fn odd_questions_get_clear_answers() {
    for server in in_both_places() {
        fill(&server);
        for path in [
            "/api/traces?before=x",
            "/api/traces?before=-1",
            "/api/traces?before=007",
            "/api/traces?before=99999999999999999999999",
            "/api/traces?limit=-1",
            "/api/traces?limit=ten",
            "/api/traces?errors=perhaps",
            "/api/traces?unknown=1",
            "/api/traces?min_duration_nanos=1.5",
            "/api/sessions?before=%00",
            "/api/sessions?limit=",
            "/api/sessions/%ff",
            "/api/services?limit=x",
            "/api/traces/xyz",
            "/api/traces/%2e%2e%2f",
            "/api/traces/0",
        ] {
            let answer = get(&format!("{}{path}", server.url()));
            assert_eq!(answer.status, 400, "{path}: {}", answer.text());
            assert!(answer.json()["error"].is_string(), "{path}");
        }
        for path in
            [format!("/api/traces/{:032x}", 99), "/api/sessions/%3Cscript%3E".to_owned(), "/api".to_owned()]
        {
            let answer = get(&format!("{}{path}", server.url()));
            assert_eq!(answer.status, 404, "{path}");
            assert!(answer.json()["error"].is_string(), "{path}");
        }
        // An empty cursor is none, and one beyond the end is at the end.
        assert_eq!(names(&server, "before=").len(), 4);
        assert_eq!(names(&server, "before=18446744073709551615").len(), 4);
        assert_eq!(names(&server, "before=0").len(), 0);
    }
}

#[test]
fn what_can_not_be_is_shown_as_it_came() {
    for server in in_both_places() {
        let script = "<script>alert(1)</script>\u{0}\u{202e}\"'";
        let mut ends_first = timed(
            1,
            1,
            2,
            script,
            (10, 0),
            &[("session.id", text(script)), ("gen_ai.usage.cost", Any::DoubleValue(f64::NAN))],
        );
        ends_first.start_time_unix_nano = u64::MAX;
        let mut at_zero = timed(
            1,
            2,
            1,
            script,
            (0, 0),
            &[
                ("gen_ai.usage.input_tokens", Any::IntValue(i64::MIN)),
                ("gen_ai.usage.output_tokens", Any::IntValue(i64::MAX)),
            ],
        );
        (at_zero.start_time_unix_nano, at_zero.end_time_unix_nano) = (0, u64::MAX);
        // Each is the other's parent, and one its own.
        send(
            &server,
            script,
            vec![
                ends_first,
                at_zero,
                timed(1, 3, 3, "own parent", (1, 2), &[]),
                timed(1, 3, 3, "same id", (1, 2), &[]),
            ],
        );
        let trace = ask(&server, "/api/traces")["traces"][0].clone();
        assert_eq!((&trace["root_name"], &trace["session_id"]), (&json!(script), &json!(script)));
        assert_eq!((&trace["has_root"], &trace["spans"]), (&json!(false), &json!(4)));
        assert_eq!(
            (&trace["start_unix_nanos"], &trace["duration_nanos"]),
            (&json!("0"), &json!("18446744073709551615"))
        );
        assert_eq!((&trace["cost_usd"], &trace["input_tokens"]), (&Value::Null, &json!(0)));
        for format in ["otlp", "jaeger", "chrome"] {
            ask(&server, &format!("/api/traces/{:032x}?format={format}", 1));
        }
        assert_eq!(ask(&server, "/api/services")["nodes"][1]["service"], Value::Null);
        assert_eq!(ask(&server, "/api/sessions")["sessions"][0]["session_id"], script);
        let client = QueryClient::new(server.url()).unwrap();
        assert_eq!(client.session(script).unwrap().unwrap().traces.len(), 1);
    }
}

#[test]
fn names_beyond_those_that_are_remembered_are_found_too() {
    for server in in_both_places() {
        let spans = (1..=200).map(|id| timed(1, id, 0, &format!("step {id}."), (id, id + 1), &[])).collect();
        send(&server, "s", spans);
        let long = "x".repeat(300) + "the end";
        send(&server, "s", vec![timed(2, 1, 0, &long, (0, 1), &[])]);
        assert_eq!(names(&server, "q=STEP%20200."), ["step 1."]);
        assert_eq!(
            names(&server, "name=step%20200.&session_id=00000000000000000000000000000001"),
            ["step 1."]
        );
        assert_eq!(names(&server, "name=step%20201."), [""; 0]);
        assert_eq!(names(&server, "q=the%20END").len(), 1);
    }
}

#[test]
fn metrics_count() {
    for server in in_both_places() {
        fill(&server);
        let url = format!("{}/v1/traces", server.url());
        post(&url, &[PROTOBUF], &protobuf("s", vec![span(0, 1, 0, "no trace")]));
        post(&url, &[PROTOBUF], &protobuf("cart", vec![timed(3, 2, 1, "load cart", (5, 6), &[])]));
        post(&url, &[PROTOBUF], b"\x0a\xff");
        let answer = get(&format!("{}/metrics", server.url()));
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (200, "text/plain; version=0.0.4; charset=utf-8")
        );
        for line in [
            "tracer_server_traces 4",
            "tracer_server_spans 8",
            "tracer_server_accepted_spans_total 8",
            "tracer_server_rejected_spans_total 1",
            "tracer_server_duplicate_spans_total 1",
            "tracer_server_refused_requests_total 1",
            "# TYPE tracer_server_evicted_spans_total counter",
        ] {
            assert!(answer.text().lines().any(|known| known == line), "{line}:\n{}", answer.text());
        }
    }
}

#[test]
fn changes_are_told_as_they_happen() {
    use std::io::{BufRead, BufReader, Write};

    for server in in_both_places() {
        fill(&server);
        let mut stream = std::net::TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        write!(stream, "GET /api/live HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr()).unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        assert!(lines.by_ref().any(|line| line == ": connected"));
        for round in 1..=3u64 {
            send(&server, "s", vec![timed(100, round, 0, "news", (0, round), &[])]);
            let data =
                lines.by_ref().find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).unwrap();
            let data: Value = serde_json::from_str(&data).unwrap();
            assert_eq!(data["traces"].as_array().unwrap().len(), 1, "{data}");
            assert_eq!(
                (&data["traces"][0]["root_name"], &data["traces"][0]["spans"]),
                (&json!("news"), &json!(round))
            );
        }
        // A stop does not wait for those who watch.
        let Placed { server, .. } = server;
        let began = std::time::Instant::now();
        server.stop();
        assert!(began.elapsed() < std::time::Duration::from_secs(2));
        assert!(lines.all(|line| !line.starts_with("data")));
    }
}

/// A call with prompt and answer, and what it was worth.
fn fill_with_a_rewarded_call(server: &Placed) {
    let message = |role: &str, words: &str| {
        text(&format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"{words}"}}]}}]"#))
    };
    let call = [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.input.messages", message("user", "how much?")),
        ("gen_ai.output.messages", message("assistant", "seven")),
        ("gen_ai.response.id", text("r-1")),
        ("session.id", text("trained")),
    ];
    let reward = [
        ("agentlightning.reward.0.name", text("primary")),
        ("agentlightning.reward.0.value", Any::DoubleValue(0.5)),
    ];
    let spans = vec![
        timed(77, 1, 0, "agent", (0, 9), &[]),
        timed(77, 2, 1, "chat m", (1, 2), &call),
        timed(77, 3, 1, "agentlightning.annotation", (3, 3), &reward),
    ];
    send(server, "trainer", spans);
}

#[test]
fn triplets_of_a_trace_and_of_a_session() {
    for server in &in_both_places() {
        fill_with_a_rewarded_call(server);
        let id = format!("{:032x}", 77);
        let found = ask(server, &format!("/api/triplets?trace_id={id}"));
        let [triplet] = found.as_array().unwrap().as_slice() else { panic!("{found}") };
        assert_eq!((&triplet["reward"], &triplet["metadata"]["response_id"]), (&json!(0.5), &json!("r-1")));
        assert_eq!(ask(server, "/api/triplets?session_id=trained"), found);
        assert_eq!(
            ask(server, &format!("/api/triplets?trace_id={id}&strict=true")),
            json!([]),
            "by its name only"
        );

        let why = ask(server, &format!("/api/triplets?trace_id={id}&why=true"));
        assert_eq!((why["triplets"].clone(), why["why"].as_array().unwrap().len()), (found, 3));

        let refusals = [
            ("", 400),
            ("trace_id=7", 400),
            (&format!("trace_id={id}&session_id=trained"), 400),
            (&format!("trace_id={id}&llm_call_match=("), 400),
            (&format!("trace_id={id}&reward_match=best"), 400),
            (&format!("trace_id={id}&unknown=1"), 400),
            (&format!("trace_id={:032x}", 78), 404),
            ("session_id=nobody", 404),
        ];
        for (query, status) in refusals {
            let answer = get(&format!("{}/api/triplets?{query}", server.url()));
            assert_eq!(answer.status, status, "{query}: {}", answer.text());
            assert!(answer.json()["error"].is_string(), "{query}");
        }
    }
}
