//! Zipkin by our encoder: the trace, and the graph that Zipkin makes of it.

use serde_json::json;
use tracer_factory_real_tests::projection::zipkin::{Via, of, shown};
use tracer_factory_real_tests::rich::SPANS;
use tracer_factory_testkit::servers::Zipkin;

use crate::{SHOWN_WITHIN, assert_shown, send};

#[test]
fn spans_and_the_graph_of_services() {
    let zipkin = Zipkin::shared().unwrap();
    let sent = send(&[("TRACER_TYPE", "zipkin"), ("ZIPKIN_ENDPOINT", &zipkin.query())], "Zipkin", &[]);
    let trace = zipkin.trace(&sent.trace_id(), SPANS, SHOWN_WITHIN).unwrap();
    assert_shown(&of(&sent.spans(), Via::Own), &shown(&trace), "zipkin");

    let mut links = zipkin.dependencies(1, SHOWN_WITHIN).unwrap();
    let ours = ["zipkin-gateway", "zipkin-model"];
    links.retain(|link| ["parent", "child"].iter().any(|side| ours.contains(&link[side].as_str().unwrap())));
    assert_eq!(links, [json!({ "parent": ours[0], "child": ours[1], "callCount": 1 })]);
}
