//! One recorder, several destinations: both have the same trace.

use tracer_factory_real_tests::projection::{jaeger, zipkin};
use tracer_factory_real_tests::rich::SPANS;
use tracer_factory_testkit::servers::{Jaeger, Zipkin};

use crate::{SHOWN_WITHIN, assert_shown, send};

#[test]
fn jaeger_and_zipkin() {
    let (jaeger, zipkin) = (Jaeger::shared().unwrap(), Zipkin::shared().unwrap());
    let env = [
        ("TRACER_TYPE", "jaeger,zipkin"),
        ("JAEGER_ENDPOINT", &*jaeger.thrift_http()),
        ("ZIPKIN_ENDPOINT", &*zipkin.spans()),
    ];
    let sent = send(&env, "both", &[]);
    for report in &sent.reports {
        let backends: Vec<_> = report.destinations.iter().map(|one| one.backend.as_str()).collect();
        assert_eq!(backends, ["jaeger", "zipkin"]);
    }
    let trace = jaeger.trace(&sent.trace_id(), SPANS, SHOWN_WITHIN).unwrap();
    assert_shown(&jaeger::of(&sent.spans(), jaeger::Via::Thrift), &jaeger::shown(&trace), "jaeger");
    let trace = zipkin.trace(&sent.trace_id(), SPANS, SHOWN_WITHIN).unwrap();
    assert_shown(&zipkin::of(&sent.spans(), zipkin::Via::Own), &zipkin::shown(&trace), "zipkin");
}
