//! B3, in one header and in several. Either is read, the single one first, whichever is written.

use super::malformed::{Header, Malformed};
use super::{Extractor, Injector, lower_hex};
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};

static SINGLE: Header = Header::new("b3");
static TRACE_ID: Header = Header::new("x-b3-traceid");
const SPAN_ID: &str = "x-b3-spanid";
const PARENT_SPAN_ID: &str = "x-b3-parentspanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

pub(super) fn extract(carrier: &dyn Extractor) -> Result<Option<SpanContext>, Malformed> {
    let single = carrier.get(SINGLE.name).map_or(Ok(None), parse_single);
    match single {
        Ok(Some(span)) => Ok(Some(span)),
        // A broken single header must not hide a sound set of the others.
        Ok(None) | Err(_) => extract_multi(carrier).and_then(|multi| match multi {
            None => single,
            found => Ok(found),
        }),
    }
}

fn parse_single(text: &str) -> Result<Option<SpanContext>, Malformed> {
    // A decision without identifiers is legal and names no parent.
    if matches!(text, "0" | "1" | "d") {
        return Ok(None);
    }
    let mut fields = text.split('-');
    let span = (|| {
        let (trace_id, span_id) = (fields.next()?, fields.next()?);
        let flags = match fields.next() {
            None => TraceFlags::DEFERRED,
            Some("0") => TraceFlags::NONE,
            Some("1") => TraceFlags::SAMPLED,
            Some("d") => TraceFlags::DEBUG,
            Some(_) => return None,
        };
        let span = span_context(trace_id, span_id, fields.next(), flags)?;
        fields.next().is_none().then_some(span)
    })();
    span.map(Some).ok_or(SINGLE.malformed())
}

fn extract_multi(carrier: &dyn Extractor) -> Result<Option<SpanContext>, Malformed> {
    let (trace_id, span_id) = match (carrier.get(TRACE_ID.name), carrier.get(SPAN_ID)) {
        (None, None) => return Ok(None),
        (Some(trace_id), Some(span_id)) => (trace_id, span_id),
        _ => return Err(TRACE_ID.malformed()),
    };
    let flags = match (carrier.get(FLAGS), carrier.get(SAMPLED)) {
        (Some("1"), _) => TraceFlags::DEBUG,
        // Words are from before the format was written down.
        (_, Some("0" | "false")) => TraceFlags::NONE,
        (_, Some("1" | "true")) => TraceFlags::SAMPLED,
        (_, Some(_)) => return Err(TRACE_ID.malformed()),
        (_, None) => TraceFlags::DEFERRED,
    };
    span_context(trace_id, span_id, carrier.get(PARENT_SPAN_ID), flags).map(Some).ok_or(TRACE_ID.malformed())
}

fn span_context(
    trace_id: &str,
    span_id: &str,
    parent: Option<&str>,
    flags: TraceFlags,
) -> Option<SpanContext> {
    let trace_id = match trace_id.len() {
        16 => TraceId::from_int(lower_hex::<SpanId>(trace_id)?.to_int().into()),
        _ => lower_hex(trace_id)?,
    };
    // The parent's parent is of no use here, but a header is sound as a whole or not at all.
    if let Some(parent) = parent {
        lower_hex::<SpanId>(parent)?;
    }
    let span = SpanContext { is_remote: true, ..SpanContext::new(trace_id, lower_hex(span_id)?, flags) };
    span.is_valid().then_some(span)
}

pub(super) fn inject_single(span: &SpanContext, carrier: &mut dyn Injector) {
    let decision = match span.flags {
        flags if flags.is_deferred() => "",
        flags if flags.is_debug() => "-d",
        flags if flags.is_sampled() => "-1",
        _ => "-0",
    };
    carrier.set(SINGLE.name, format!("{}-{}{decision}", span.trace_id, span.span_id));
}

pub(super) fn inject_multi(span: &SpanContext, carrier: &mut dyn Injector) {
    carrier.set(TRACE_ID.name, span.trace_id.to_string());
    carrier.set(SPAN_ID, span.span_id.to_string());
    if span.flags.is_debug() {
        // Debug implies a decision; the format has the other header left out.
        carrier.set(FLAGS, "1".to_owned());
    } else if !span.flags.is_deferred() {
        carrier.set(SAMPLED, if span.flags.is_sampled() { "1" } else { "0" }.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";

    fn lines(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn single(text: &str) -> Option<SpanContext> {
        extract(&lines(&[("b3", text)])).ok().flatten()
    }

    #[test]
    fn every_sampling_state() {
        let flags = |text: &str| single(&format!("{TRACE}-{SPAN}{text}")).map(|span| span.flags);
        assert_eq!(flags(""), Some(TraceFlags::DEFERRED));
        assert_eq!(flags("-0"), Some(TraceFlags::NONE));
        assert_eq!(flags("-1"), Some(TraceFlags::SAMPLED));
        assert_eq!(flags("-d"), Some(TraceFlags::DEBUG));
        assert_eq!(flags("-1-05e3ac9a4f6e3b90"), Some(TraceFlags::SAMPLED));
        for refused in
            ["-", "-1-", "-true", "-false", "-D", "-1-05", "-05e3ac9a4f6e3b90", "-1-05e3ac9a4f6e3b90-x"]
        {
            assert_eq!(flags(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_decision_alone_is_no_parent_and_no_fault() {
        for text in ["0", "1", "d"] {
            assert!(matches!(extract(&lines(&[("b3", text)])), Ok(None)), "{text}");
        }
        assert!(matches!(extract(&lines(&[("x-b3-sampled", "0")])), Ok(None)));
        assert!(extract(&lines(&[("b3", "2")])).is_err());
    }

    #[test]
    fn short_trace_ids_are_padded() {
        let span = single(&format!("{SPAN}-{SPAN}-1")).unwrap();
        assert_eq!(span.trace_id.to_string(), format!("0000000000000000{SPAN}"));
        assert!(span.is_remote);
    }

    #[test]
    fn a_broken_single_header_leaves_the_others() {
        let sound = [("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN), ("X-B3-Sampled", "1")];
        for broken in ["", "x", "0", &format!("{TRACE}-{SPAN}-x")] {
            let headers = lines(&[&[("b3", broken)], &sound[..]].concat());
            assert_eq!(extract(&headers).ok().flatten().unwrap().flags, TraceFlags::SAMPLED, "{broken}");
        }
        assert!(extract(&lines(&sound[..1])).is_err());
    }

    #[test]
    fn the_random_flag_is_not_taken_for_a_deferred_decision() {
        let flags = TraceFlags::from_byte(0x03);
        let span = SpanContext::new(TRACE.parse().unwrap(), SPAN.parse().unwrap(), flags);
        let mut carrier = Vec::new();
        inject_single(&span, &mut carrier);
        assert_eq!(carrier, lines(&[("b3", &format!("{TRACE}-{SPAN}-1"))]));
    }
}
