//! The example `quickstart`, as it is, in a process of its own with `TRACER_TYPE` for each real server.
//!
//! Its `get_last_trace` stays in that process, so it sends to a trace server of this process too
//! (`session.rs` shows that this one keeps everything), and that is what the others are compared with.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output};

use serde_json::Value;
use tracer_factory::agent_session::{Server, ServerConfig, ServerHandle};
use tracer_factory::otlp::decode_json_request;
use tracer_factory::{SpanData, Value as AttrValue};
use tracer_factory_real_tests::projection::{console, jaeger, otlp, phoenix, zipkin};
use tracer_factory_testkit::servers::{Collector, Jaeger, Phoenix, Zipkin};

use crate::session::read_back;
use crate::{SHOWN_WITHIN, assert_shown};

/// Runs it with nothing but `env`, and gives the trace's identifier and what was printed before that.
fn run(env: &[(&str, &str)]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command.env_clear().env("TRACER_SERVICE_NAME", "Quickstart").envs(env.iter().copied());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{status}\n{stdout}{stderr}");
    assert!(stderr.contains("1 span accepted") && stderr.contains(" 1 delivered"), "{stderr}");
    let last = stdout.lines().last().unwrap_or_default().to_owned();
    let trace_id = last.strip_prefix("trace_id=").unwrap_or_else(|| panic!("{stdout}"));
    (trace_id.to_owned(), stdout.strip_suffix(&format!("{last}\n")).unwrap().to_owned())
}

/// Runs it with `variables` for `tracer_type` alone, where `shown` finds the span of that name; then together
/// with this process's server, and gives the spans, their trace, and what was printed.
fn quickstart(
    tracer_type: &str,
    variables: &[(&str, &str)],
    shown: impl Fn(&str) -> Value,
    expected: impl Fn(&[SpanData]) -> Value,
) {
    let alone = [&[("TRACER_TYPE", tracer_type)], variables].concat();
    let (trace_id, _) = run(&alone);
    let text = shown(&trace_id).to_string();
    assert!(text.contains("my_operation") && text.contains(&trace_id), "{text}");

    let (server, types) = (server(), format!("{tracer_type},agent-session"));
    let both = [("TRACER_TYPE", &*types), ("AGENTOPS_API_ENDPOINT", server.url())];
    let (trace_id, _) = run(&[&both, variables].concat());
    assert_shown(&expected(&last_trace(&server, &trace_id)), &shown(&trace_id), tracer_type);
}

fn server() -> ServerHandle {
    Server::start(ServerConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).unwrap()
}

/// The example's trace, whole.
fn last_trace(server: &ServerHandle, trace_id: &str) -> Vec<SpanData> {
    let request = read_back(server.url(), trace_id);
    let spans = decode_json_request(request.to_string().as_bytes()).unwrap();
    let [span] = &*spans else { panic!("{spans:?}") };
    assert_eq!((&*span.name, span.parent_span_id), ("my_operation", None));
    assert_eq!(span.attribute("user_id"), Some(&AttrValue::Int(12345)));
    assert_eq!(span.events.iter().map(|event| &*event.name).collect::<Vec<_>>(), ["half_way"]);
    assert_eq!(span.resource.service_name(), "Quickstart");
    spans
}

#[test]
fn to_jaeger() {
    let server = Jaeger::shared().unwrap();
    let otlp = format!("{}/v1/traces", server.otlp_http());
    for (endpoint, via) in [
        (server.thrift_http(), jaeger::Via::Thrift),
        (server.thrift_compact_udp(), jaeger::Via::Thrift),
        (otlp, jaeger::Via::Otlp),
    ] {
        quickstart(
            "jaeger",
            &[("JAEGER_ENDPOINT", &endpoint)],
            |id| jaeger::shown(&server.trace(id, 1, SHOWN_WITHIN).unwrap()),
            |spans| jaeger::of(spans, via),
        );
    }
}

#[test]
fn to_zipkin() {
    let server = Zipkin::shared().unwrap();
    quickstart(
        "zipkin",
        &[("ZIPKIN_ENDPOINT", &server.query())],
        |id| zipkin::shown(&server.trace(id, 1, SHOWN_WITHIN).unwrap()),
        |spans| zipkin::of(spans, zipkin::Via::Own),
    );
}

#[test]
fn to_the_collector() {
    let server = Collector::shared().unwrap();
    for tracer_type in ["otlp", "otlp-sdk"] {
        quickstart(
            tracer_type,
            &[("OTLP_ENDPOINT", &server.otlp_grpc())],
            |id| {
                server.spans(id, 1, SHOWN_WITHIN).unwrap();
                otlp::shown(&server.received(), id)
            },
            otlp::of,
        );
    }
}

#[test]
fn to_phoenix() {
    let server = Phoenix::shared().unwrap();
    quickstart(
        "otlp",
        &[("OTLP_ENDPOINT", &server.otlp_http()), ("OTLP_PROTOCOL", "http/protobuf")],
        |id| phoenix::shown(&server.spans(id, 1, SHOWN_WITHIN).unwrap()),
        phoenix::of,
    );
}

#[test]
fn to_the_console() {
    let (trace_id, tree) = run(&[("TRACER_TYPE", "console")]);
    assert!(
        ["my_operation", "user_id", "half_way", &trace_id].iter().all(|part| tree.contains(part)),
        "{tree}"
    );

    let server = server();
    let (trace_id, lines) = run(&[
        ("TRACER_TYPE", "console,agent-session"),
        ("TRACER_CONSOLE_FORMAT", "json"),
        ("AGENTOPS_API_ENDPOINT", server.url()),
    ]);
    assert_shown(&console::of(&last_trace(&server, &trace_id)), &console::shown(&lines).unwrap(), "console");
}
