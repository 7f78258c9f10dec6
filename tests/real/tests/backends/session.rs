//! Agent sessions: the embedded server, read back by its own API.

use serde_json::Value;
use tracer_factory_real_tests::projection::otlp::{of, shown};
use tracer_factory_real_tests::rich::tracer;
use tracer_factory_testkit::servers::http;

use crate::{SHOWN_WITHIN, assert_shown, send};

/// The trace as the server at `url` shows it.
pub(crate) fn read_back(url: &str, trace_id: &str) -> Value {
    let reply = http::get(&format!("{url}/api/traces/{trace_id}")).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn a_server_in_this_process() {
    let env = [("TRACER_TYPE", "agent-session"), ("TRACER_SERVER_LISTEN", "127.0.0.1:0")];
    let keeper = tracer(&env, "keeper").unwrap();
    let url = keeper.describe().strip_prefix("agent-session ").unwrap().to_owned();

    // Its own spans, which need no address.
    drop(keeper.trace_context("kept"));
    let report = keeper.flush(SHOWN_WITHIN);
    assert!(report.adds_up() && report.is_complete(), "{report}");
    let trace = keeper.get_last_trace();
    let trace_id = trace.trace_id().to_string();
    assert_shown(&of(&trace.spans), &shown(&[read_back(&url, &trace_id)], &trace_id), "its own");

    // And those of workers that are told where it is.
    let env = [("TRACER_TYPE", "agentops"), ("AGENTOPS_API_ENDPOINT", &*url)];
    let sent = send(&env, "session", &[]);
    let requests = [read_back(&url, &sent.trace_id())];
    assert_shown(&of(&sent.spans()), &shown(&requests, &sent.trace_id()), "a worker's");

    assert!(keeper.teardown().is_complete());
    assert!(http::get(&url).is_err(), "the server outlives its tracer");
}
