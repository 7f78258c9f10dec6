//! Context across processes: header formats, carriers, baggage.
//!
//! A header that does not follow its grammar is passed over as if it were not there: it never
//! fails a request, and it never keeps the next format from being tried.

mod b3;
mod baggage;
mod carrier;
mod flags;
mod malformed;
mod percent;
mod propagator;
mod tracecontext;
mod uber;

#[cfg(test)]
mod b3_reference;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod uber_reference;
#[cfg(test)]
mod w3c_cases;

pub use crate::trace_state::{TraceState, TraceStateError};
pub use baggage::{Baggage, BaggageEntry, BaggageError};
pub use carrier::{Extractor, Injector};
pub use propagator::Propagator;

use crate::ids::SpanContext;

/// What crosses a process boundary: the parent of what the receiver starts, and baggage.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Propagated {
    /// The span on the sender's side; `None` when no format had a valid one.
    pub span: Option<SpanContext>,
    /// The application's own entries.
    pub baggage: Baggage,
}

/// Writes `context` in every format listed. Without a valid span only baggage is written, and
/// baggage only when [`Propagator::Baggage`] is listed.
pub fn inject(propagators: &[Propagator], context: &Propagated, carrier: &mut dyn Injector) {
    let span = context.span.as_ref().filter(|span| span.is_valid());
    for propagator in propagators {
        match (propagator, span) {
            (Propagator::Baggage, _) => baggage::inject(&context.baggage, carrier),
            (Propagator::TraceContext, Some(span)) => tracecontext::inject(span, carrier),
            (Propagator::B3, Some(span)) => b3::inject_single(span, carrier),
            (Propagator::B3Multi, Some(span)) => b3::inject_multi(span, carrier),
            (Propagator::Jaeger, Some(span)) => uber::inject(span, carrier),
            (_, None) => {}
        }
    }
}

/// Reads a carrier: the first format, in the order listed, that has a valid span wins. The
/// `baggage` header is read whether or not it is listed; an entry of it replaces a `uberctx-` one.
pub fn extract(propagators: &[Propagator], carrier: &dyn Extractor) -> Propagated {
    let span = propagators.iter().find_map(|propagator| {
        let found = match propagator {
            Propagator::TraceContext => tracecontext::extract(carrier),
            Propagator::B3 | Propagator::B3Multi => b3::extract(carrier),
            Propagator::Jaeger => uber::extract(carrier),
            Propagator::Baggage => Ok(None),
        };
        found.unwrap_or_else(|malformed| {
            malformed.report();
            None
        })
    });
    let mut baggage = Baggage::default();
    let mut read = Ok(());
    if propagators.contains(&Propagator::Jaeger) {
        read = uber::extract_baggage(carrier, &mut baggage);
    }
    if let Err(malformed) = baggage::extract(carrier, &mut baggage).and(read) {
        malformed.report();
    }
    Propagated { span, baggage }
}

/// The names of the headers that [`inject`] may write, for carriers that must announce or clear them.
pub fn fields(propagators: &[Propagator]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in propagators.iter().flat_map(|propagator| propagator.fields()) {
        if !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

/// An identifier whose grammar allows lower-case digits only, which `FromStr` alone does not ask.
fn lower_hex<T: std::str::FromStr>(text: &str) -> Option<T> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    lower.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SpanId, TraceFlags, TraceId};

    const ALL: [Propagator; 5] = [
        Propagator::TraceContext,
        Propagator::B3,
        Propagator::B3Multi,
        Propagator::Jaeger,
        Propagator::Baggage,
    ];

    fn lines(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_first_valid_format_wins() {
        let headers = lines(&[
            ("traceparent", "00-00000000000000000000000000000000-00000000000000aa-01"),
            ("uber-trace-id", "2:bb:0:1"),
            ("b3", "00000000000000000000000000000003-00000000000000cc-1"),
        ]);
        let trace = |list: &[Propagator]| extract(list, &headers).span.map(|span| span.trace_id.to_int());
        assert_eq!(trace(&[Propagator::TraceContext, Propagator::Jaeger, Propagator::B3]), Some(2));
        assert_eq!(trace(&[Propagator::TraceContext, Propagator::B3, Propagator::Jaeger]), Some(3));
        assert_eq!(trace(&[Propagator::TraceContext, Propagator::Baggage]), None);
        assert_eq!(trace(&[]), None);
    }

    #[test]
    fn without_a_valid_span_only_baggage_is_written() {
        let mut baggage = Baggage::default();
        baggage.insert("tenant", "a b").unwrap();
        for span in [
            None,
            Some(SpanContext::default()),
            Some(SpanContext::new(TraceId::from_int(1), SpanId::INVALID, TraceFlags::SAMPLED)),
        ] {
            let mut carrier = Vec::new();
            inject(&ALL, &Propagated { span, baggage: baggage.clone() }, &mut carrier);
            assert_eq!(carrier, lines(&[("baggage", "tenant=a%20b")]));
        }
    }

    #[test]
    fn baggage_is_read_always_and_sent_when_listed() {
        let found = extract(&[Propagator::B3], &lines(&[("baggage", "user=7")]));
        assert_eq!(found.baggage.get("user"), Some("7"));
        let mut carrier = Vec::new();
        inject(&[Propagator::TraceContext, Propagator::B3], &found, &mut carrier);
        assert_eq!(carrier, []);
        inject(&[Propagator::Baggage], &found, &mut carrier);
        assert_eq!(carrier, lines(&[("baggage", "user=7")]));
    }

    #[test]
    fn the_baggage_header_wins_over_uberctx() {
        let headers = lines(&[
            ("uberctx-user", "old"),
            ("uberctx-city", "K%C3%B6ln+S%C3%BCd"),
            ("baggage", "user=new"),
        ]);
        let found = extract(&[Propagator::Jaeger], &headers);
        assert_eq!((found.baggage.get("user"), found.baggage.get("city")), (Some("new"), Some("Köln Süd")));
        let found = extract(&[Propagator::TraceContext], &headers);
        assert_eq!(found.baggage.get("city"), None);
    }

    #[test]
    fn what_is_injected_is_what_fields_announce() {
        let span = SpanContext {
            flags: TraceFlags::SAMPLED,
            ..SpanContext::new(TraceId::from_int(1), SpanId::from_int(2), TraceFlags::NONE)
        };
        let mut context = Propagated { span: Some(span), ..Propagated::default() };
        context.baggage.insert("a", "b").unwrap();
        let mut carrier = Vec::new();
        inject(&ALL, &context, &mut carrier);
        let announced = fields(&ALL);
        assert!(
            carrier.iter().all(|(name, _)| announced.contains(&name.as_str())),
            "{carrier:?} {announced:?}"
        );
        assert_eq!(fields(&[Propagator::B3, Propagator::B3]), ["b3"]);
    }
}
