//! Our `uber-trace-id` against opentelemetry-jaeger-propagator on random headers. They differ in
//! three points, each shown: upstream accepts numbers with a sign and a `:` at the end, which
//! Jaeger's own clients refuse; and it turns `uberctx-` headers into trace state, and loses the
//! context over one that is no trace state, where we read baggage.

// Upstream deprecates the format, not the code; whoever still has Jaeger clients needs both.
#![allow(deprecated)]

use std::collections::HashMap;

use opentelemetry_032::Context;
use opentelemetry_032::propagation::TextMapPropagator;
use opentelemetry_032::trace::{self as otel, TraceContextExt, TraceState};
use opentelemetry_jaeger_propagator::Propagator as Upstream;
use proptest::prelude::*;

use super::{Propagated, Propagator, extract, inject};
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};

type Headers = HashMap<String, String>;
/// Trace id, span id, flags.
type Read = Option<(u128, u64, u8)>;

fn header(value: &str) -> Headers {
    Headers::from([("uber-trace-id".to_owned(), value.to_owned())])
}

fn ours(headers: &Headers) -> Read {
    let span = extract(&[Propagator::Jaeger], headers).span?;
    assert!(span.is_remote && span.trace_state.is_empty());
    Some((span.trace_id.to_int(), span.span_id.to_int(), span.flags.to_byte()))
}

fn upstream(headers: &Headers) -> Read {
    let context = Upstream::new().extract_with_context(&Context::new(), headers);
    let span = context.span();
    let span = span.span_context();
    let trace_id = u128::from_be_bytes(span.trace_id().to_bytes());
    let read = (trace_id, u64::from_be_bytes(span.span_id().to_bytes()), span.trace_flags().to_u8());
    span.is_valid().then_some(read)
}

fn departs(value: &str) -> bool {
    value.ends_with(':')
        || value.ends_with("%3A")
        || value.replace("%3A", ":").split(':').any(|field| field.starts_with('+'))
}

fn value() -> impl Strategy<Value = String> {
    let flags = prop_oneof![4 => "[0-9]", 2 => "[0-9]{2}", 1 => "[0-9a-f+]{0,3}"];
    let trace = prop_oneof![6 => "[0-9a-fA-F]{1,32}", 1 => "[0-9a-f+ ]{0,34}", 1 => "0{1,32}"];
    let span = prop_oneof![6 => "[0-9a-fA-F]{1,16}", 1 => "[0-9a-f+ ]{0,18}", 1 => "0{1,16}"];
    let parent = prop_oneof![4 => Just("0".to_owned()), 1 => "[^:%]{0,5}"];
    let colon = prop_oneof![6 => Just(":"), 2 => Just("%3A"), 1 => Just("%3a")];
    let built = (trace, span, parent, flags, colon)
        .prop_map(|(trace, span, parent, flags, colon)| [trace, span, parent, flags].join(colon));
    prop_oneof![8 => built, 1 => "[0-9a-f:]{0,60}", 1 => "\\PC{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_read_the_same(value in value()) {
        let headers = header(&value);
        match departs(&value) {
            false => prop_assert_eq!(ours(&headers), upstream(&headers)),
            // The parent's parent is anybody's text, signs included.
            true => prop_assert!(ours(&headers).is_none() || ours(&headers) == upstream(&headers)),
        }
    }

    #[test]
    fn both_write_the_same(trace in 1u128.., span in 1u64.., flags in 0u8..8) {
        let span = SpanContext::new(TraceId::from_int(trace), SpanId::from_int(span), TraceFlags::from_byte(flags));
        let theirs = otel::SpanContext::new(
            otel::TraceId::from_bytes(span.trace_id.to_bytes()),
            otel::SpanId::from_bytes(span.span_id.to_bytes()),
            otel::TraceFlags::new(flags),
            false,
            TraceState::default(),
        );
        let mut expected = Headers::new();
        Upstream::new().inject_context(&Context::new().with_remote_span_context(theirs), &mut expected);
        let mut written = Headers::new();
        inject(&[Propagator::Jaeger], &Propagated { span: Some(span), ..Propagated::default() }, &mut written);
        prop_assert_eq!(written, expected);
    }
}

#[test]
fn the_departures_are_real() {
    for value in
        ["+000000000000001:2:0:1", "1:+000000000000002:0:1", "1:2:0:+1", "1:2:0:1:", "1%3A2%3A0%3A1%3A"]
    {
        let headers = header(value);
        assert!(departs(value) && ours(&headers).is_none() && upstream(&headers).is_some(), "{value}");
    }
    let mut headers = header("1:2:0:1");
    assert_eq!(ours(&headers), upstream(&headers));
    headers.insert("uberctx-user".to_owned(), "a=b".to_owned());
    assert_eq!((ours(&headers), upstream(&headers)), (Some((1, 2, 1)), None));
    assert_eq!(extract(&[Propagator::Jaeger], &headers).baggage.get("user"), Some("a=b"));
}
