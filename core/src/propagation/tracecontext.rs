//! `traceparent`, by the grammar of W3C Trace Context level 2 and nothing beside it.

use super::malformed::{Header, Malformed};
use super::{Extractor, Injector, TraceState, lower_hex};
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::text::trim_ows;

static TRACEPARENT: Header = Header::new("traceparent");
static TRACESTATE: Header = Header::new("tracestate");

pub(super) fn extract(carrier: &dyn Extractor) -> Result<Option<SpanContext>, Malformed> {
    let line = match carrier.get_all(TRACEPARENT.name)[..] {
        [] => return Ok(None),
        [line] => line,
        // Which of several is true can't be told.
        _ => return Err(TRACEPARENT.malformed()),
    };
    let mut span = parse(trim_ows(line)).ok_or(TRACEPARENT.malformed())?;
    match TraceState::parse(carrier.get_all(TRACESTATE.name)) {
        Ok(state) => span.trace_state = state,
        Err(_) => TRACESTATE.malformed().report(),
    }
    Ok(Some(span))
}

fn parse(text: &str) -> Option<SpanContext> {
    let mut fields = text.splitn(5, '-');
    let version = byte(fields.next()?)?;
    let trace_id: TraceId = lower_hex(fields.next()?)?;
    let span_id: SpanId = lower_hex(fields.next()?)?;
    let flags = byte(fields.next()?)?;
    // A version to come may append fields; this one has none to append.
    let more = fields.next().is_some();
    if version == 0xff || (version == 0 && more) {
        return None;
    }
    // A bit with no meaning yet stays out, lest it be taken for one of ours.
    let flags = TraceFlags::from_byte(TraceFlags::from_byte(flags).to_w3c_byte());
    let span = SpanContext { is_remote: true, ..SpanContext::new(trace_id, span_id, flags) };
    span.is_valid().then_some(span)
}

fn byte(text: &str) -> Option<u8> {
    let digits = text.len() == 2 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    digits.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

pub(super) fn inject(span: &SpanContext, carrier: &mut dyn Injector) {
    let flags = span.flags.to_w3c_byte();
    carrier.set(TRACEPARENT.name, format!("00-{}-{}-{flags:02x}", span.trace_id, span.span_id));
    if !span.trace_state.is_empty() {
        carrier.set(TRACESTATE.name, span.trace_state.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_grammar_and_nothing_beside_it() {
        assert!(parse(VALID).is_some());
        for (from, to) in [
            ("00-0", "+0-0"),
            ("00-0", "0-0"),
            ("00-0", "-00-0"),
            ("0af7", "+af7"),
            ("0af7", "0AF7"),
            ("319c", "319"),
            ("b7ad", "+7ad"),
            ("b7ad", "B7ad"),
            ("-01", "-+1"),
            ("-01", "-1"),
            ("-01", "-01-"),
            ("-01", "-01 "),
            ("-01", "-0١"),
            ("-01", ""),
            ("-b7", "_b7"),
        ] {
            assert_eq!(parse(&VALID.replacen(from, to, 1)), None, "{from} → {to}");
        }
    }

    #[test]
    fn flags_without_a_meaning_stay_out() {
        let span = parse(&VALID.replace("-01", "-ff")).unwrap();
        assert_eq!(span.flags, TraceFlags::from_byte(0x03));
        assert!(!span.flags.is_debug() && !span.flags.is_deferred());
    }

    #[test]
    fn later_versions_are_sent_as_this_one() {
        for later in [VALID.replacen("00", "01", 1), VALID.replacen("00", "fe", 1) + "-more-of-it"] {
            let span = parse(&later).unwrap();
            let mut carrier = Vec::new();
            inject(&span, &mut carrier);
            assert_eq!(carrier, [("traceparent".to_owned(), VALID.to_owned())]);
        }
        assert_eq!(parse(&VALID.replacen("00", "ff", 1)), None);
    }
}
