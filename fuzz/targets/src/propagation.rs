//! The header formats: any headers in; what was understood goes out sound, and is understood the same again.

use http::{HeaderMap, HeaderName, HeaderValue};
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::propagation::{
    Baggage, Extractor, Injector, Propagated, Propagator, TraceState, extract, inject,
};

use crate::entries;

type Lines = Vec<(String, String)>;

/// `traceparent` and `tracestate`.
pub fn tracecontext(input: &[u8]) {
    from_outside(Propagator::TraceContext, input);
    let mut state = TraceState::default();
    for (key, value) in &lines(input) {
        let before = state.clone();
        if state.insert(key, value).is_err() {
            assert_eq!(state, before);
        }
    }
    let span = SpanContext {
        trace_state: state,
        is_remote: true,
        ..SpanContext::new(TraceId::from_int(1), SpanId::from_int(2), TraceFlags::SAMPLED)
    };
    let sent = Propagated { span: Some(span), ..Propagated::default() };
    assert_eq!(through::<Lines>(Propagator::TraceContext, &sent).1, sent);
}

/// B3 in one header, and in several.
pub fn b3(input: &[u8]) {
    from_outside(Propagator::B3, input);
    from_outside(Propagator::B3Multi, input);
}

/// `uber-trace-id` and `uberctx-`.
pub fn uber(input: &[u8]) {
    from_outside(Propagator::Jaeger, input);
}

/// `baggage`, from outside and by hand.
pub fn baggage(input: &[u8]) {
    from_outside(Propagator::Baggage, input);
    let mut sent = Baggage::default();
    for (name, value) in &lines(input) {
        let before = sent.clone();
        let (value, metadata) = value.split_once('\u{1}').unwrap_or((value, ""));
        match sent.insert_with_metadata(name, value, metadata) {
            Ok(()) => assert_eq!(sent.get(name), Some(value)),
            Err(_) => assert_eq!(sent, before),
        }
    }
    let sent = Propagated { span: None, baggage: sent };
    assert_eq!(through::<Lines>(Propagator::Baggage, &sent).1, sent);
}

/// Headers with whatever the bytes are, and the part of them that HTTP lets through.
fn from_outside(format: Propagator, input: &[u8]) {
    let lines = lines(input);
    understood(format, &lines, extract(&[format], &lines));

    let mut headers = HeaderMap::new();
    for (name, value) in entries(input, b':') {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    understood(format, &headers, extract(&[format], &headers));
}

/// What was understood is sound, and stays what it is however often it is passed on.
fn understood(format: Propagator, from: &dyn Extractor, read: Propagated) {
    assert_eq!(extract(&[format], from), read, "read twice, it differs");
    assert!(read.span.as_ref().is_none_or(|span| span.is_valid() && span.is_remote));
    let (lines, again) = through::<Lines>(format, &read);
    assert_eq!(again, read);
    let (headers, again) = through::<HeaderMap>(format, &read);
    assert_eq!(again, read);
    assert_eq!(headers.len(), lines.len(), "HTTP refuses a line");
    for (name, value) in lines {
        let is_visible = value.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        assert!(is_visible && value.trim() == value && !value.is_empty(), "{name}: {value:?}");
        if name == "baggage" {
            assert!(value.len() <= 8192 && value.split(',').count() <= 64);
        }
    }
}

/// As it is sent, and as it is read then.
fn through<C: Injector + Extractor + Default>(format: Propagator, context: &Propagated) -> (C, Propagated) {
    let formats = [format, Propagator::Baggage];
    let mut carrier = C::default();
    inject(&formats, context, &mut carrier);
    let read = extract(&formats, &carrier);
    (carrier, read)
}

fn lines(input: &[u8]) -> Lines {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    entries(input, b':').map(|(name, value)| (text(name), text(value))).collect()
}
