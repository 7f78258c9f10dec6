//! What `#[traced]` records, and that functions are otherwise what they were.
#![cfg(feature = "macros")]
#![allow(clippy::unwrap_used)]

mod arguments;
mod drops;
mod errors;
mod futures;
mod impl_blocks;
mod panics;
mod places;
mod signatures;

use std::sync::Arc;

use tracer_factory::{
    BaseTracer, Capture, DefaultTracer, SpanData, SpanKind, TracerConfig, TracerType, traced, use_tracer,
};

/// The tracer of the test's thread, and what it recorded.
struct Recorded {
    tracer: Arc<dyn BaseTracer>,
    capture: Capture,
    _current: DefaultTracer,
}

fn recorded() -> Recorded {
    let (tracer, capture) = Capture::with_config(&TracerConfig::new(TracerType::Console)).unwrap();
    let tracer: Arc<dyn BaseTracer> = tracer;
    let _current = use_tracer(&tracer);
    Recorded { tracer, capture, _current }
}

impl Recorded {
    /// The one span that there is.
    fn span(&self) -> SpanData {
        let mut spans = self.capture.spans();
        assert_eq!(spans.len(), 1, "one span, not {spans:?}");
        spans.remove(0)
    }

    /// The one span of this name.
    fn named(&self, name: &str) -> SpanData {
        let spans = self.capture.spans();
        let mut named: Vec<_> = spans.iter().filter(|span| span.name == name).cloned().collect();
        assert_eq!(named.len(), 1, "one span named {name} among {spans:?}");
        named.remove(0)
    }
}

const CONSTANT: &str = "from a constant";

#[traced]
fn plain() {}

#[traced()]
fn r#match() {}

#[traced(name = "chosen", kind = "server")]
fn renamed() {}

#[traced(name = CONSTANT, kind = "client",)]
fn constant() {}

#[traced(kind = "producer")]
fn producer() {}

#[traced(kind = "consumer")]
fn consumer() {}

#[traced(kind = "internal")]
fn internal() {}

#[test]
fn names_and_kinds() {
    let recorded = recorded();
    plain();
    r#match();
    renamed();
    constant();
    producer();
    consumer();
    internal();
    let spans = recorded.capture.spans();
    let said: Vec<_> = spans.iter().map(|span| (span.name.as_str(), span.kind)).collect();
    assert_eq!(
        said,
        [
            ("plain", SpanKind::Internal),
            ("match", SpanKind::Internal),
            ("chosen", SpanKind::Server),
            (CONSTANT, SpanKind::Client),
            ("producer", SpanKind::Producer),
            ("consumer", SpanKind::Consumer),
            ("internal", SpanKind::Internal),
        ]
    );
}
