//! Phoenix, which takes OTLP as protobuf only.

use tracer_factory_real_tests::projection::phoenix::{of, shown};
use tracer_factory_real_tests::rich::{BYTES, SPANS, record};
use tracer_factory_testkit::servers::Phoenix;

use crate::{SHOWN_WITHIN, assert_shown, send};

#[test]
fn otlp_over_http_and_grpc() {
    let phoenix = Phoenix::shared().unwrap();
    for (protocol, endpoint) in [("http/protobuf", phoenix.otlp_http()), ("grpc", phoenix.otlp_grpc())] {
        let env = [("TRACER_TYPE", "otlp"), ("OTLP_ENDPOINT", &*endpoint), ("OTLP_PROTOCOL", protocol)];
        let sent = send(&env, protocol, BYTES);
        let spans = phoenix.spans(&sent.trace_id(), SPANS, SHOWN_WITHIN).unwrap();
        assert_shown(&of(&sent.spans()), &shown(&spans), protocol);
    }
}

/// What a span with bytes is to Phoenix: confirmed, and then not stored.
#[test]
fn a_span_with_bytes_is_lost_there() {
    let phoenix = Phoenix::shared().unwrap();
    let env = [("TRACER_TYPE", "otlp"), ("OTLP_ENDPOINT", &*phoenix.otlp_grpc())];
    let sent = send(&env, "bytes", &[]);
    let spans = phoenix.spans(&sent.trace_id(), SPANS - 1, SHOWN_WITHIN).unwrap();
    let mut kept = sent.spans();
    kept.retain(|span| span.attribute("bytes").is_none());
    assert_eq!(kept.len(), SPANS - 1);
    assert_shown(&of(&kept), &shown(&spans), "without the span with bytes");
}

#[test]
fn json_is_refused_by_name() {
    let phoenix = Phoenix::shared().unwrap();
    let env =
        [("TRACER_TYPE", "otlp"), ("OTLP_ENDPOINT", &*phoenix.otlp_http()), ("OTLP_PROTOCOL", "http/json")];
    let sent = record(&env, "json", &[]).unwrap();
    for report in &sent.reports {
        let [destination] = &*report.destinations else { panic!("{report}") };
        assert!(report.adds_up() && !report.is_complete(), "{report}");
        assert_eq!((destination.delivered, destination.rejected), (0, report.accepted), "{report}");
        let error = destination.last_error.as_deref().unwrap();
        let url = format!("{}/v1/traces", phoenix.otlp_http());
        assert!(error.contains(&url) && error.contains("415"), "{error}");
    }
}
