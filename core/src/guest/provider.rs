//! Our `TracerProvider` and `Tracer` behind the OpenTelemetry API.

use std::sync::Arc;

use opentelemetry::trace::{SpanBuilder, Tracer, TracerProvider};
use opentelemetry::{Context as OtelContext, InstrumentationScope as OtelScope};

use super::span::GuestSpan;
use super::{bridge, convert};
use crate::recorder::{Recorder, StartSpan};
use crate::span::{InstrumentationScope, SpanKind};

/// Gives out tracers that record into one of ours. Cheap to clone; does not keep the tracer from ending.
#[derive(Clone, Debug)]
pub struct GuestTracerProvider {
    recorder: Arc<Recorder>,
}

impl GuestTracerProvider {
    pub(crate) fn new(recorder: Arc<Recorder>) -> Self {
        bridge::install();
        Self { recorder }
    }
}

impl TracerProvider for GuestTracerProvider {
    type Tracer = GuestTracer;

    fn tracer_with_scope(&self, scope: OtelScope) -> GuestTracer {
        let scope = InstrumentationScope {
            name: scope.name().to_owned(),
            version: scope.version().unwrap_or_default().to_owned(),
        };
        GuestTracer { recorder: Arc::clone(&self.recorder), scope: self.recorder.resource().add_scope(scope) }
    }
}

/// An OpenTelemetry tracer over our recorder.
#[derive(Clone, Debug)]
pub struct GuestTracer {
    recorder: Arc<Recorder>,
    scope: u16,
}

impl Tracer for GuestTracer {
    type Span = GuestSpan;

    fn build_with_context(&self, builder: SpanBuilder, cx: &OtelContext) -> GuestSpan {
        let here = self.recorder.here();
        let recorder = here.unwrap_or(&self.recorder);
        let around = bridge::parent_in(cx, recorder);
        // As OpenTelemetry's own tracers without an SDK: nothing is recorded and the parent passes through. In a child
        // process nobody records until its worker is there.
        if here.is_none() || cx.is_telemetry_suppressed() || OtelContext::is_current_telemetry_suppressed() {
            return GuestSpan::passing(&around.into_context());
        }
        let start = StartSpan {
            name: &builder.name,
            kind: builder.span_kind.as_ref().map_or(SpanKind::Internal, convert::kind),
            parent: around.as_parent(),
            start: builder.start_time.map(convert::nanos),
            scope: self.scope,
        };
        let mut span = GuestSpan::start(recorder, &start);
        if let Some(attributes) = &builder.attributes {
            span.edit(|open| attributes.iter().for_each(|pair| convert::set(open, pair)));
        }
        for event in builder.events.iter().flatten() {
            span.put_event(&event.name, Some(event.timestamp), &event.attributes);
        }
        for link in builder.links.iter().flatten() {
            span.put_link(&link.span_context, &link.attributes);
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Span as _, TraceContextExt as _};

    use super::*;
    use crate::capture::Capture;
    use crate::config::{TracerConfig, TracerType};

    fn guest() -> (GuestTracer, Capture) {
        let (tracer, capture) = Capture::with_config(&TracerConfig::new(TracerType::Console)).unwrap();
        (tracer.tracer_provider().tracer("library"), capture)
    }

    #[test]
    fn a_suppressed_context_gives_a_span_that_is_its_parent() {
        let (tracer, capture) = guest();
        tracer.in_span("recorded", |cx| {
            let suppressed = cx.with_telemetry_suppressed();
            let mut span = tracer.start_with_context("passed", &suppressed);
            assert!(!span.is_recording());
            assert_eq!(span.span_context(), cx.span().span_context());
            span.end();
            let _here = OtelContext::enter_telemetry_suppressed_scope();
            assert!(!tracer.start("current").is_recording());
            assert!(
                !tracer.start_with_context("current, passed another", &OtelContext::new()).is_recording()
            );
        });
        tracer.in_span("afterwards", |_| {});
        let names: Vec<_> = capture.spans().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["recorded", "afterwards"]);
    }

    #[test]
    fn a_suppressed_root_has_no_identifiers() {
        let (tracer, capture) = guest();
        let _here = OtelContext::enter_telemetry_suppressed_scope();
        assert!(!tracer.start("root").span_context().is_valid());
        assert!(capture.spans().is_empty());
    }
}
