//! Jaeger's `uber-trace-id`, and the `uberctx-` headers that hold its baggage.

use std::borrow::Cow;

use super::malformed::{Header, Malformed};
use super::{Baggage, Extractor, Injector, percent};
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};

static UBER_TRACE_ID: Header = Header::new("uber-trace-id");
static UBERCTX: Header = Header::new("uberctx-*");
const BAGGAGE_PREFIX: &str = "uberctx-";

pub(super) fn extract(carrier: &dyn Extractor) -> Result<Option<SpanContext>, Malformed> {
    let Some(value) = carrier.get(UBER_TRACE_ID.name) else { return Ok(None) };
    // Some clients encode the whole value for transport.
    let value =
        if value.contains(':') { Cow::Borrowed(value) } else { Cow::Owned(value.replace("%3A", ":")) };
    parse(&value).map(Some).ok_or(UBER_TRACE_ID.malformed())
}

fn parse(text: &str) -> Option<SpanContext> {
    let mut fields = text.split(':');
    let trace_id = TraceId::from_int(hex(fields.next()?, 32)?);
    let span_id = SpanId::from_int(u64::try_from(hex(fields.next()?, 16)?).ok()?);
    // The parent's parent, which the format itself has given up.
    fields.next()?;
    let flags = flags(fields.next()?)?;
    let span = SpanContext { is_remote: true, ..SpanContext::new(trace_id, span_id, flags) };
    (fields.next().is_none() && span.is_valid()).then_some(span)
}

/// Leading zeros may be left out.
fn hex(text: &str, longest: usize) -> Option<u128> {
    let digits = text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Clients read the flags as a decimal number, whatever they call it.
fn flags(text: &str) -> Option<TraceFlags> {
    if text.len() > 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match text.parse::<u8>().ok()? & 3 {
        3 => TraceFlags::DEBUG,
        1 => TraceFlags::SAMPLED,
        // Debug without sampled has no meaning.
        _ => TraceFlags::NONE,
    })
}

pub(super) fn inject(span: &SpanContext, carrier: &mut dyn Injector) {
    let flags = match span.flags {
        flags if !flags.is_sampled() => 0,
        flags if flags.is_debug() => 3,
        _ => 1,
    };
    carrier.set(UBER_TRACE_ID.name, format!("{}:{}:0:{flags}", span.trace_id, span.span_id));
}

/// Reads `uberctx-name: value`; an entry that can't be baggage is left out.
pub(super) fn extract_baggage(carrier: &dyn Extractor, baggage: &mut Baggage) -> Result<(), Malformed> {
    let mut read = Ok(());
    for key in carrier.keys() {
        let Some((prefix, name)) = key.split_at_checked(BAGGAGE_PREFIX.len()) else { continue };
        if !prefix.eq_ignore_ascii_case(BAGGAGE_PREFIX) {
            continue;
        }
        let Some(value) = carrier.get(key) else { continue };
        // Clients encode as forms do, where `+` is a space.
        if baggage.insert(name, &percent::decode(&value.replace('+', " "))).is_err() {
            read = Err(UBERCTX.malformed());
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_upper_case_and_encoded() {
        let span =
            extract(&vec![("Uber-Trace-Id".to_owned(), "A1%3Af%3A0%3A3".to_owned())]).ok().flatten().unwrap();
        assert_eq!((span.trace_id.to_int(), span.span_id.to_int()), (0xa1, 0xf));
        assert_eq!((span.flags, span.is_remote), (TraceFlags::DEBUG, true));
    }

    #[test]
    fn what_is_refused() {
        assert!(parse("1:2:0:1").is_some());
        for text in [
            "",
            ":::",
            "1:2:0",
            "1:2:0:",
            "1:2:0:1:",
            "1:2:0:1:1",
            "0:2:0:1",
            "1:0:0:1",
            ":2:0:1",
            "1::0:1",
            "+1:2:0:1",
            "1:+2:0:1",
            "1:2:0:+1",
            "1:2:0:-1",
            "1:2:0:001",
            "1:2:0:x",
            "1:12345678123456781:0:1",
            "1 :2:0:1",
            "ü:2:0:1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!("{}:2:0:1", "1".repeat(33))), None);
    }

    #[test]
    fn baggage_headers() {
        let headers = vec![
            ("UberCtx-User".to_owned(), "a%2Bb+c".to_owned()),
            ("uberctx-".to_owned(), "no name".to_owned()),
            ("uberct".to_owned(), "no prefix".to_owned()),
            ("uberctx-big".to_owned(), "x".repeat(9000)),
        ];
        let mut baggage = Baggage::default();
        assert!(extract_baggage(&headers, &mut baggage).is_err());
        assert_eq!((baggage.get("User"), baggage.len()), (Some("a+b c"), 1));
    }
}
