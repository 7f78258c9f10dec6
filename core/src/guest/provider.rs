//! Our `TracerProvider` and `Tracer` behind the OpenTelemetry API.

use std::sync::Arc;

use opentelemetry::trace::{SpanBuilder, Tracer, TracerProvider};
use opentelemetry::{Context as OtelContext, InstrumentationScope as OtelScope};

use super::span::GuestSpan;
use super::{bridge, convert};
use crate::manual::Span;
use crate::recorder::{Parent, Recorder, StartSpan};
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
        let parent = bridge::context_of(cx);
        let start = StartSpan {
            name: &builder.name,
            kind: builder.span_kind.as_ref().map_or(SpanKind::Internal, convert::kind),
            parent: Parent::Given(parent.frame()),
            start: builder.start_time.map(convert::nanos),
            scope: self.scope,
        };
        let mut span = Span::open(&self.recorder, &start);
        for pair in builder.attributes.iter().flatten() {
            span.set_attribute(pair.key.as_str(), convert::value(&pair.value));
        }
        for event in builder.events.iter().flatten() {
            span.add_event_at(
                &event.name,
                convert::nanos(event.timestamp),
                &convert::pairs(&event.attributes),
            );
        }
        for link in builder.links.iter().flatten() {
            span.add_link(&convert::from_otel(&link.span_context), &convert::pairs(&link.attributes));
        }
        GuestSpan::new(span)
    }
}
