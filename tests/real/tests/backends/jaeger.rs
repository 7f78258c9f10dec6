//! Jaeger by each language it speaks.

use tracer_factory_real_tests::projection::jaeger::{Via, of, shown};
use tracer_factory_real_tests::rich::{NOT_FINITE, SPANS};
use tracer_factory_testkit::servers::Jaeger;

use crate::{OTLP, SHOWN_WITHIN, assert_shown, send};

fn round_trip(env: &[(&str, &str)], test: &str, via: Via) {
    // Jaeger answers 500 for a trace with such a number, when it did the translation itself.
    let without = if via == Via::Otlp { NOT_FINITE } else { &[] };
    let sent = send(env, test, without);
    let trace = Jaeger::shared().unwrap().trace(&sent.trace_id(), SPANS, SHOWN_WITHIN).unwrap();
    assert_shown(&of(&sent.spans(), via), &shown(&trace), test);
}

#[test]
fn thrift_over_http() {
    let endpoint = Jaeger::shared().unwrap().thrift_http();
    round_trip(&[("TRACER_TYPE", "jaeger"), ("JAEGER_ENDPOINT", &endpoint)], "thrift-http", Via::Thrift);
}

#[test]
fn compact_thrift_over_udp() {
    let endpoint = Jaeger::shared().unwrap().thrift_compact_udp();
    round_trip(&[("TRACER_TYPE", "jaeger"), ("JAEGER_ENDPOINT", &endpoint)], "thrift-udp", Via::Thrift);
}

#[test]
fn otlp_by_an_endpoint_of_the_jaeger_type() {
    let endpoint = format!("{}/v1/traces", Jaeger::shared().unwrap().otlp_http());
    round_trip(&[("TRACER_TYPE", "jaeger"), ("JAEGER_ENDPOINT", &endpoint)], "jaeger-otlp", Via::Otlp);
}

#[test]
fn otlp_by_each_protocol() {
    let jaeger = Jaeger::shared().unwrap();
    for (protocol, compression) in OTLP {
        let endpoint = if protocol == "grpc" { jaeger.otlp_grpc() } else { jaeger.otlp_http() };
        let env = [
            ("TRACER_TYPE", "otlp"),
            ("OTLP_ENDPOINT", &*endpoint),
            ("OTLP_PROTOCOL", protocol),
            ("OTLP_COMPRESSION", compression),
        ];
        round_trip(&env, &format!("jaeger {protocol} {compression}"), Via::Otlp);
    }
}

#[test]
fn the_opentelemetry_names_mean_the_same() {
    let endpoint = Jaeger::shared().unwrap().thrift_http();
    let env = [
        ("TRACER_TYPE", "opentelemetry"),
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_EXPORTER_JAEGER_ENDPOINT", &*endpoint),
    ];
    round_trip(&env, "opentelemetry-jaeger", Via::Thrift);
}
