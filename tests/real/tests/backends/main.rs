//! dump
use tracer_factory_real_tests::rich::*;
use tracer_factory_testkit::servers::*;
use std::time::Duration;
const W: Duration = Duration::from_secs(8);
fn show(name: &str, r: &Recorded, v: impl serde_json::value::Index + Sized, j: serde_json::Value) where {
    let _ = v; println!("=== {name} {} {} {:?} spans {}", r.reports[0], r.reports[1], r.reports[0].is_complete(), r.spans().len());
    std::fs::write(format!("/tmp/dump-{name}.json"), serde_json::to_string_pretty(&j).unwrap()).unwrap();
    std::fs::write(format!("/tmp/dump-{name}.txt"), format!("{:#?}", r.spans())).unwrap();
}
#[test]
fn dump_jaeger() {
    let j = Jaeger::shared().unwrap();
    let r = record(&[("TRACER_TYPE","jaeger"),("JAEGER_ENDPOINT",&j.thrift_http())], "JH", Doubles::All).unwrap();
    show("jh", &r, 0, j.trace(&r.trace_id(), SPANS, W).unwrap());
    let r = record(&[("TRACER_TYPE","jaeger"),("JAEGER_ENDPOINT",&format!("{}/v1/traces", j.otlp_http()))], "JO", Doubles::Finite).unwrap();
    show("jo", &r, 0, j.trace(&r.trace_id(), SPANS, W).unwrap());
}
#[test]
fn dump_zipkin() {
    let z = Zipkin::shared().unwrap();
    let r = record(&[("TRACER_TYPE","zipkin"),("ZIPKIN_ENDPOINT",&z.query())], "Z", Doubles::All).unwrap();
    show("z", &r, 0, z.trace(&r.trace_id(), SPANS, W).unwrap().into());
    let r = record(&[("TRACER_TYPE","zipkin-sdk"),("ZIPKIN_ENDPOINT",&z.spans())], "ZS", Doubles::All).unwrap();
    show("zs", &r, 0, z.trace(&r.trace_id(), SPANS, W).unwrap().into());
}
#[test]
fn dump_collector() {
    let z = Collector::shared().unwrap();
    let r = record(&[("TRACER_TYPE","otlp"),("OTLP_ENDPOINT",&z.otlp_grpc())], "C", Doubles::All).unwrap();
    z.spans(&r.trace_id(), SPANS, W).unwrap();
    show("c", &r, 0, z.received().into());
    let n = z.received().len();
    let r = record(&[("TRACER_TYPE","otlp-sdk"),("OTLP_ENDPOINT",&z.otlp_grpc())], "CS", Doubles::All).unwrap();
    z.spans(&r.trace_id(), SPANS, W).unwrap();
    show("cs", &r, 0, z.received().split_off(n).into());
}
#[test]
fn dump_phoenix() {
    let z = Phoenix::shared().unwrap();
    let r = record(&[("TRACER_TYPE","otlp"),("OTLP_PROTOCOL","http/protobuf"),("OTLP_ENDPOINT",&z.otlp_http())], "P", Doubles::All).unwrap();
    let s = z.spans(&r.trace_id(), SPANS, W);
    std::fs::copy(z.log(), "/tmp/phx.txt").unwrap();
    show("p", &r, 0, s.unwrap().into());
}
