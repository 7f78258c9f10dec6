//! For every format: what is sent is read back, nothing that comes in panics, and whatever is
//! accepted goes out as a header that every strict reader accepts.

use proptest::prelude::*;

use super::{Baggage, Propagated, Propagator, TraceState, extract, inject};
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};

type Lines = Vec<(String, String)>;

const FORMATS: [Propagator; 4] =
    [Propagator::TraceContext, Propagator::B3, Propagator::B3Multi, Propagator::Jaeger];
const NAMES: [&str; 10] = [
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-sampled",
    "x-b3-flags",
    "uber-trace-id",
    "uberctx-user",
    "baggage",
];

/// The flags a format can express, of those given.
fn expressible(format: Propagator, flags: TraceFlags) -> TraceFlags {
    match format {
        Propagator::TraceContext => TraceFlags::from_byte(flags.to_w3c_byte()),
        Propagator::B3 | Propagator::B3Multi if flags.is_deferred() => TraceFlags::DEFERRED,
        _ if flags.is_debug() => TraceFlags::DEBUG,
        _ if flags.is_sampled() => TraceFlags::SAMPLED,
        _ => TraceFlags::NONE,
    }
}

fn trace_state() -> impl Strategy<Value = TraceState> {
    let member = ("[a-z0-9][a-z0-9_*/@-]{0,20}", "[ -+.-<>-~-]{0,20}[!-+.-<>-~-]");
    proptest::collection::vec(member, 0..40).prop_map(|members| {
        let mut state = TraceState::default();
        for (key, value) in members {
            state.insert(&key, &value).unwrap();
        }
        state
    })
}

fn baggage() -> impl Strategy<Value = Baggage> {
    let entry =
        ("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,10}", any::<String>(), "([a-z]{1,3}(=[!-+.-:<-Z^-~-]{0,5})?;){0,2}q");
    proptest::collection::vec(entry, 0..20).prop_map(|entries| {
        let mut baggage = Baggage::default();
        for (name, value, metadata) in entries {
            // What does not fit is refused; the rest is what the test is about.
            let _ = baggage.insert_with_metadata(&name, &value, &metadata);
        }
        baggage
    })
}

/// Pieces of real headers among noise, so that random input gets past the first check.
fn noise() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        Just("0af7651916cd43dd8448eb211c80319c".to_owned()),
        Just("b7ad6b7169203331".to_owned()),
        "[-:;,=% \t]",
        "[0-9a-f]{1,4}",
        "%[0-9A-Fa-f]{2}",
        "[a-z]=[a-z]",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn hostile() -> impl Strategy<Value = Lines> {
    let sound = ("[0-9a-f]{32}", "[0-9a-f]{16}", "[0-9]{2}")
        .prop_map(|(t, s, f)| [format!("00-{t}-{s}-{f}"), format!("{t}-{s}"), format!("{t}:{s}:0:{f}")]);
    let line = (0..NAMES.len(), sound, noise(), 0usize..6).prop_map(|(name, sound, noise, pick)| {
        (NAMES[name].to_owned(), sound.into_iter().nth(pick).unwrap_or(noise))
    });
    proptest::collection::vec(line, 0..12)
}

/// Whether a value may stand in a header of HTTP.
fn is_header_text(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) && value.trim() == value && !value.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_read_back(
        trace in 1u128..,
        span in 1u64..,
        flags: u8,
        trace_state in trace_state(),
        baggage in baggage(),
    ) {
        let flags = TraceFlags::from_byte(flags);
        let span = SpanContext { trace_state, ..SpanContext::new(TraceId::from_int(trace), SpanId::from_int(span), flags) };
        for format in FORMATS {
            let sent = Propagated { span: Some(span.clone()), baggage: baggage.clone() };
            let mut carrier = Lines::new();
            inject(&[format, Propagator::Baggage], &sent, &mut carrier);
            prop_assert!(carrier.iter().all(|(_, value)| is_header_text(value)), "{:?}", carrier);
            let read = extract(&[format], &carrier);
            let mut expected = SpanContext { flags: expressible(format, flags), is_remote: true, ..span.clone() };
            if format != Propagator::TraceContext {
                expected.trace_state = TraceState::default();
            }
            prop_assert_eq!(read.span, Some(expected), "{}", format.name());
            prop_assert_eq!(&read.baggage, &baggage);
        }
    }

    #[test]
    fn whatever_is_accepted_goes_out_sound(incoming in hostile()) {
        for format in FORMATS {
            let read = extract(&[format, Propagator::Baggage], &incoming);
            prop_assert!(read.span.as_ref().is_none_or(|span| span.is_valid() && span.is_remote));
            let mut carrier = Lines::new();
            inject(&[format, Propagator::Baggage], &read, &mut carrier);
            prop_assert!(carrier.iter().all(|(_, value)| is_header_text(value)), "{:?}", carrier);
            let baggage = carrier.iter().find(|(name, _)| name == "baggage");
            prop_assert!(baggage.is_none_or(|(_, value)| value.len() <= 8192 && value.split(',').count() <= 64));
            prop_assert_eq!(extract(&[format], &carrier), read);
        }
    }

    #[test]
    fn every_format_reads_what_another_sent(trace in 1u128.., span in 1u64.., sampled: bool, from in 0usize..4, to in 0usize..4) {
        let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::NONE };
        let span = SpanContext::new(TraceId::from_int(trace), SpanId::from_int(span), flags);
        let mut carrier = Lines::new();
        inject(&[FORMATS[from]], &Propagated { span: Some(span.clone()), ..Propagated::default() }, &mut carrier);
        let read = extract(&FORMATS, &carrier);
        let mut second = Lines::new();
        inject(&[FORMATS[to]], &read, &mut second);
        let read = extract(&FORMATS, &second).span;
        prop_assert_eq!(read, Some(SpanContext { is_remote: true, ..span }));
    }
}
