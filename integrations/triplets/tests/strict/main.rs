//! Strict extraction against a second implementation of the same rules, on random traces.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod golden;
mod random;
mod reference;

use proptest::prelude::*;
use random::Case;
use serde_json::Value;
use tracer_factory_core::ids::{SpanContext, SpanId, TraceId};
use tracer_factory_core::span::{Resource, SpanData};
use tracer_factory_triplets::{Error, Extraction, Options, Reason, agl, extract};

pub(crate) fn options(case: &Case, strict: bool) -> Options {
    let mut builder = Options::builder().strict(strict).why(true).proxy(case.proxy);
    builder = builder.reward_match(case.reward_match.parse().unwrap());
    if let Some(pattern) = case.llm_call_match {
        builder = builder.llm_call_match(pattern);
    }
    if let Some(pattern) = case.agent_match {
        builder = builder.agent_match(pattern);
    }
    if let Some(reward) = case.final_reward {
        builder = builder.final_reward(reward);
    }
    builder.build().unwrap()
}

fn ours(case: &Case, strict: bool) -> Result<Extraction, Error> {
    let spans = agl::read_spans(&serde_json::to_string(&case.spans).unwrap()).unwrap();
    agl::extract(&spans, &options(case, strict))
}

/// As it is written, not as it is in memory.
fn written(extraction: &Extraction) -> Value {
    serde_json::from_str(&serde_json::to_string(&extraction.triplets).unwrap()).unwrap()
}

/// The same spans as a tracer or a receiver of OTLP has them.
fn span_data(case: &Case) -> Vec<SpanData> {
    let id = |text: &str| text.parse::<SpanId>().unwrap();
    let spans = agl::read_spans(&serde_json::to_string(&case.spans).unwrap()).unwrap();
    let spans = spans.into_iter().map(|span| SpanData {
        context: SpanContext {
            trace_id: span.trace_id.parse::<TraceId>().unwrap(),
            span_id: id(&span.span_id),
            ..SpanContext::default()
        },
        parent_span_id: span.parent_id.as_deref().map(id),
        name: span.name,
        attributes: span.attributes,
        start_unix_nanos: span.start_time.map_or(0, |seconds| (seconds * 1e9).round() as u64),
        end_unix_nanos: span.end_time.map_or(0, |seconds| (seconds * 1e9).round() as u64),
        resource: std::sync::Arc::new(Resource {
            attributes: vec![(
                "agentlightning.span_sequence_id".to_owned(),
                span.sequence_id.unwrap_or_default().to_string().into(),
            )],
        }),
        ..SpanData::default()
    });
    spans.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn strict_equals_the_second_implementation(case in random::cases()) {
        let ours = ours(&case, true);
        match (&ours, reference::adapt(&case)) {
            (Ok(ours), Ok(reference)) => prop_assert_eq!(written(ours), reference),
            (Err(_), Err(_)) => {}
            (ours, reference) => prop_assert!(false, "ours {ours:?}, the reference {reference:?}"),
        }
        // The span's form doesn't matter.
        let as_otlp = extract(&span_data(&case), &options(&case, true));
        match (&ours, &as_otlp) {
            (Ok(ours), Ok(as_otlp)) => prop_assert_eq!(written(ours), written(as_otlp)),
            (ours, as_otlp) => prop_assert_eq!(ours.as_ref().err(), as_otlp.as_ref().err()),
        }
    }

    #[test]
    fn every_span_has_a_reason_that_fits(case in random::cases(), strict in any::<bool>()) {
        if let Ok(extraction) = ours(&case, strict) {
            prop_assert_eq!(extraction.why.len(), case.spans.len());
            for (why, span) in extraction.why.iter().zip(&case.spans) {
                prop_assert_eq!(&why.span_id, &span.span_id);
                prop_assert_eq!(why.is_triplet, why.reason == Reason::Triplet);
                let made_one = extraction.triplets.iter().any(|triplet| triplet.source.span_id == why.span_id);
                prop_assert!(made_one || !why.is_triplet, "{why:?}");
            }
            // What stands for a missing span can match too, but nobody asked about it.
            let given = |id: &str| case.spans.iter().any(|span| span.span_id == id);
            for triplet in extraction.triplets.iter().filter(|triplet| given(&triplet.source.span_id)) {
                let why = extraction.why.iter().any(|why| why.is_triplet && why.span_id == triplet.source.span_id);
                prop_assert!(why, "{triplet:?}");
            }
        }
    }

    #[test]
    fn the_default_tolerates_everything(case in random::cases()) {
        let extraction = ours(&case, false);
        prop_assert!(extraction.is_ok());
    }
}
