//! Our B3 against opentelemetry-propagator-b3 on random headers. Where the two differ, upstream
//! departs from B3's specification, and [`Departure`] names how.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{self as otel, TraceContextExt, TraceState};
use opentelemetry_propagator_b3::{B3Encoding, Propagator as Upstream};
use proptest::prelude::*;

use super::{Propagated, Propagator, extract, inject};
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};

type Headers = HashMap<String, String>;
/// Trace id, span id, flags.
type Read = Option<(u128, u64, TraceFlags)>;

const UPSTREAM_DEFERRED: u8 = 0x02;
const UPSTREAM_DEBUG: u8 = 0x04;

fn ours(headers: &Headers) -> Read {
    let span = extract(&[Propagator::B3], headers).span?;
    assert!(span.is_remote && span.trace_state.is_empty());
    Some((span.trace_id.to_int(), span.span_id.to_int(), span.flags))
}

fn upstream(encoding: B3Encoding, headers: &Headers) -> Read {
    let context = Upstream::with_encoding(encoding).extract_with_context(&Context::new(), headers);
    let span = context.span();
    let span = span.span_context();
    // Upstream's single header has debug without sampled, its many headers with it.
    let flags = match span.trace_flags().to_u8() {
        UPSTREAM_DEFERRED => TraceFlags::DEFERRED,
        flags if flags & UPSTREAM_DEBUG != 0 => TraceFlags::DEBUG,
        flags => TraceFlags::from_byte(flags),
    };
    let number = |bytes: [u8; 8]| u64::from_be_bytes(bytes);
    let read = (u128::from_be_bytes(span.trace_id().to_bytes()), number(span.span_id().to_bytes()), flags);
    span.is_valid().then_some(read)
}

/// What upstream makes of a header against the specification.
#[derive(Debug, PartialEq)]
enum Departure {
    /// It accepts an identifier that begins with a sign, as Rust's number parser does.
    Sign,
    /// It accepts a `-` after the last field.
    TrailingDash,
    /// It accepts a word as a single header's sampling state.
    Word,
    /// It does not look at `x-b3-parentspanid`.
    Parent,
    /// It takes `x-b3-flags: 0` for a decision and passes over `x-b3-sampled`.
    FlagsZero,
}

fn single_departure(value: &str) -> Option<Departure> {
    let field = |n| value.split('-').nth(n).unwrap_or_default();
    if value.ends_with('-') {
        Some(Departure::TrailingDash)
    } else if field(2) == "false" {
        Some(Departure::Word)
    } else {
        [0, 1, 3].iter().any(|n| field(*n).starts_with('+')).then_some(Departure::Sign)
    }
}

fn multi_departure(headers: &Headers) -> Option<Departure> {
    let header = |name: &str| headers.get(name).map_or("", String::as_str);
    if header("x-b3-flags") == "0" {
        Some(Departure::FlagsZero)
    } else if ["x-b3-traceid", "x-b3-spanid"].iter().any(|name| header(name).starts_with('+')) {
        Some(Departure::Sign)
    } else {
        let parent = headers.get("x-b3-parentspanid")?;
        let lower = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        (parent.len() != 16 || !parent.chars().all(lower)).then_some(Departure::Parent)
    }
}

/// Identifiers, mostly sound, of every length that matters.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9a-f]{32}",
        4 => "[0-9a-f]{16}",
        1 => "[0-9a-f]{0,33}",
        1 => "0{16}|0{32}",
        1 => "[0-9a-fA-F+. g]{16}|[+][0-9a-f]{15}|[+][0-9a-f]{31}",
    ]
}

fn state() -> impl Strategy<Value = String> {
    prop_oneof!["[01d]", "true|false", "", "[01dD2 ]{0,3}"]
}

fn single() -> impl Strategy<Value = String> {
    let fields = (id(), "[0-9a-f]{16}", proptest::option::of((state(), proptest::option::of(id()))), "-?");
    let built = fields.prop_map(|(trace, span, rest, end)| match rest {
        None => format!("{trace}-{span}{end}"),
        Some((state, None)) => format!("{trace}-{span}-{state}{end}"),
        Some((state, Some(parent))) => format!("{trace}-{span}-{state}-{parent}{end}"),
    });
    prop_oneof![8 => built, 1 => "[01d]", 1 => "[0-9a-fd-]{0,60}", 1 => "\\PC{0,60}"]
}

fn multi() -> impl Strategy<Value = Headers> {
    let maybe = proptest::option::weighted::<BoxedStrategy<String>>;
    let fields = (
        maybe(0.9, id().boxed()),
        maybe(0.9, id().boxed()),
        maybe(0.7, state().boxed()),
        maybe(0.3, "[01]|\\PC{0,2}".boxed()),
        maybe(0.3, id().boxed()),
    );
    fields.prop_map(|(trace, span, sampled, flags, parent)| {
        let names = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags", "x-b3-parentspanid"];
        let values = [trace, span, sampled, flags, parent];
        names.into_iter().zip(values).filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

fn written(format: Propagator, span: SpanContext) -> Headers {
    let mut headers = Headers::new();
    inject(&[format], &Propagated { span: Some(span), ..Propagated::default() }, &mut headers);
    headers
}

fn written_upstream(encoding: B3Encoding, span: &SpanContext, flags: u8) -> Headers {
    let span = otel::SpanContext::new(
        otel::TraceId::from_bytes(span.trace_id.to_bytes()),
        otel::SpanId::from_bytes(span.span_id.to_bytes()),
        otel::TraceFlags::new(flags),
        false,
        TraceState::default(),
    );
    let mut headers = Headers::new();
    let context = Context::new().with_remote_span_context(span);
    Upstream::with_encoding(encoding).inject_context(&context, &mut headers);
    headers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_single_header_is_read_alike(value in single()) {
        let departure = single_departure(&value);
        let headers = Headers::from([("b3".to_owned(), value)]);
        let (ours, theirs) = (ours(&headers), upstream(B3Encoding::SingleHeader, &headers));
        match departure {
            None => prop_assert_eq!(ours, theirs),
            Some(_) => prop_assert_eq!(ours, None),
        }
    }

    #[test]
    fn the_many_headers_are_read_alike(headers in multi()) {
        let (ours, theirs) = (ours(&headers), upstream(B3Encoding::MultipleHeader, &headers));
        match multi_departure(&headers) {
            None => prop_assert_eq!(ours, theirs),
            Some(Departure::FlagsZero) => {
                let mut without = headers.clone();
                without.remove("x-b3-flags");
                if multi_departure(&without).is_none() {
                    prop_assert_eq!(ours, upstream(B3Encoding::MultipleHeader, &without));
                }
            }
            Some(_) => prop_assert_eq!(ours, None),
        }
    }

    #[test]
    fn the_single_header_goes_first_in_both(
        value in single().prop_filter("departs", |value| single_departure(value).is_none()),
        rest in multi().prop_filter("departs", |rest| multi_departure(rest).is_none()),
    ) {
        // What upstream reads of the many headers depends on what it is set to write.
        let alone = Headers::from([("b3".to_owned(), value.clone())]);
        let theirs = upstream(B3Encoding::SingleHeader, &alone).or_else(|| upstream(B3Encoding::MultipleHeader, &rest));
        let mut both = rest;
        both.insert("b3".to_owned(), value);
        prop_assert_eq!(ours(&both), theirs);
    }

    #[test]
    fn both_write_the_same(trace in 1u128.., span in 1u64.., state in 0usize..4) {
        let (flags, theirs) = [
            (TraceFlags::NONE, 0),
            (TraceFlags::SAMPLED, 1),
            (TraceFlags::DEBUG, 1 | UPSTREAM_DEBUG),
            (TraceFlags::DEFERRED, UPSTREAM_DEFERRED),
        ][state];
        let span = SpanContext::new(TraceId::from_int(trace), SpanId::from_int(span), flags);
        // Set to the single header, upstream writes the many as well: its test for "unspecified",
        // which is no bit, is true of every encoding.
        let mut single = written_upstream(B3Encoding::SingleHeader, &span, theirs);
        single.retain(|name, _| name == "b3");
        prop_assert_eq!(written(Propagator::B3, span.clone()), single);
        let multi = written_upstream(B3Encoding::MultipleHeader, &span, theirs);
        prop_assert_eq!(written(Propagator::B3Multi, span), multi);
    }
}

/// Each difference, shown once, so that the list shrinks when upstream does.
#[test]
fn the_departures_are_real() {
    let (trace, span) = ("80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1");
    for (value, departure) in [
        (format!("+{}-{span}-1", &trace[1..]), Departure::Sign),
        (format!("{trace}-+{}-1", &span[1..]), Departure::Sign),
        (format!("{trace}-{span}-1-"), Departure::TrailingDash),
        (format!("{trace}-{span}-"), Departure::TrailingDash),
        (format!("{trace}-{span}-false"), Departure::Word),
    ] {
        assert_eq!(single_departure(&value), Some(departure));
        let headers = Headers::from([("b3".to_owned(), value)]);
        assert!(
            ours(&headers).is_none() && upstream(B3Encoding::SingleHeader, &headers).is_some(),
            "{headers:?}"
        );
    }
    let multi = |name: &str, value: &str| {
        let pairs = [("x-b3-traceid", trace), ("x-b3-spanid", span), ("x-b3-sampled", "1"), (name, value)];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Headers>()
    };
    let headers = multi("x-b3-parentspanid", "x");
    assert!(ours(&headers).is_none() && upstream(B3Encoding::MultipleHeader, &headers).is_some());
    let headers = multi("x-b3-flags", "0");
    assert_eq!(ours(&headers).unwrap().2, TraceFlags::SAMPLED);
    assert_eq!(upstream(B3Encoding::MultipleHeader, &headers).unwrap().2, TraceFlags::NONE);
}

/// Upstream's mark for "deferred" is W3C's random flag: it sends no decision for such a trace.
#[test]
fn a_random_trace_id_keeps_its_decision_with_us() {
    let span = SpanContext::new(TraceId::from_int(1), SpanId::from_int(2), TraceFlags::from_byte(0x03));
    assert!(!written_upstream(B3Encoding::SingleHeader, &span, 0x03)["b3"].ends_with("-1"));
    assert!(written(Propagator::B3, span)["b3"].ends_with("-1"));
}
