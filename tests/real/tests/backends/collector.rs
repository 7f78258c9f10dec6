//! OTLP by each protocol to the Collector, which keeps everything.

use tracer_factory_real_tests::projection::otlp::{of, shown};
use tracer_factory_real_tests::rich::SPANS;
use tracer_factory_testkit::servers::Collector;

use crate::{OTLP, SHOWN_WITHIN, assert_shown, send};

#[test]
fn otlp_by_each_protocol() {
    let collector = Collector::shared().unwrap();
    for (protocol, compression) in OTLP {
        let endpoint = if protocol == "grpc" { collector.otlp_grpc() } else { collector.otlp_http() };
        let env = [
            ("TRACER_TYPE", "otlp"),
            ("OTLP_ENDPOINT", &*endpoint),
            ("OTLP_PROTOCOL", protocol),
            ("OTLP_COMPRESSION", compression),
        ];
        let test = format!("collector {protocol} {compression}");
        let sent = send(&env, &test, &[]);
        collector.spans(&sent.trace_id(), SPANS, SHOWN_WITHIN).unwrap();
        assert_shown(&of(&sent.spans()), &shown(&collector.received(), &sent.trace_id()), &test);
    }
}
