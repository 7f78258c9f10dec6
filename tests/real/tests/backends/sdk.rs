//! The upstream exporters: what they send is what ours send, as far as the SDK's model goes.

use serde_json::Value;
use tracer_factory_real_tests::projection::{otlp, sdk, zipkin};
use tracer_factory_real_tests::rich::{NOT_FINITE, SPANS};
use tracer_factory_testkit::servers::{Collector, Zipkin};

use crate::{OTLP, SHOWN_WITHIN, assert_shown, send};

/// Both exporters on one recorder, so that the Collector gets each span from either.
#[test]
fn otlp_sdk_beside_otlp() {
    let collector = Collector::shared().unwrap();
    for (protocol, compression) in OTLP {
        let endpoint = if protocol == "grpc" { collector.otlp_grpc() } else { collector.otlp_http() };
        let env = [
            ("TRACER_TYPE", "otlp,otlp-sdk"),
            ("OTLP_ENDPOINT", &*endpoint),
            ("OTLP_PROTOCOL", protocol),
            ("OTLP_COMPRESSION", compression),
        ];
        let test = format!("sdk {protocol} {compression}");
        let without = if protocol == "http/json" { NOT_FINITE } else { &[] };
        let sent = send(&env, &test, without);
        collector.spans(&sent.trace_id(), 2 * SPANS, SHOWN_WITHIN).unwrap();
        let shown = otlp::shown(&collector.received(), &sent.trace_id());
        let expected = otlp::of(&sent.spans());
        let (ours, theirs) = apart(&shown, &expected);
        assert_shown(&expected, &ours, &test);
        assert_shown(&otlp::of(&sdk::of(&sent.spans())), &theirs, &test);
    }
}

/// Two spans of each identifier into ours, which is the one that was expected, and the other.
fn apart(shown: &Value, expected: &Value) -> (Value, Value) {
    let (shown, expected) = (shown.as_array().unwrap(), expected.as_array().unwrap());
    assert_eq!(shown.len(), 2 * expected.len());
    let pairs = shown.chunks_exact(2).zip(expected);
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs
        .map(|(pair, expected)| {
            let ours = usize::from(pair[0] != *expected);
            (pair[ours].clone(), pair[1 - ours].clone())
        })
        .unzip();
    (ours.into(), theirs.into())
}

#[test]
fn zipkin_sdk() {
    let server = Zipkin::shared().unwrap();
    let env = [("TRACER_TYPE", "zipkin-sdk"), ("ZIPKIN_ENDPOINT", &*server.spans())];
    let sent = send(&env, "zipkin-sdk", &[]);
    let trace = server.trace(&sent.trace_id(), SPANS, SHOWN_WITHIN).unwrap();
    let expected = zipkin::of(&sdk::of(&sent.spans()), zipkin::Via::Sdk);
    assert_shown(&expected, &zipkin::shown(&trace), "zipkin-sdk");
}
