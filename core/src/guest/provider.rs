//! Our `TracerProvider` and `Tracer` behind the OpenTelemetry API.

use std::sync::Arc;

use opentelemetry::trace::{SpanBuilder, Tracer, TracerProvider};
use opentelemetry::{Context as OtelContext, InstrumentationScope as OtelScope};

use super::span::GuestSpan;
use super::{bridge, convert};
use crate::recorder::{FrameContext, GuestBeginning, Recorder, with_local};
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

impl GuestTracer {
    /// The recorder of a span in `cx`, and through `parent`, which is large, what it is under.
    #[inline(always)]
    fn recorder_in(
        &self,
        cx: &OtelContext,
        is_suppressed: bool,
        parent: &mut Option<FrameContext>,
    ) -> Option<&Arc<Recorder>> {
        let here = self.recorder.here();
        if let Some(found) = bridge::parent_in(cx, here.unwrap_or(&self.recorder)) {
            *parent = Some(found);
        }
        // As OpenTelemetry's own tracers without an SDK: nothing is recorded and the parent passes through. In a child
        // process nobody records until its worker is there.
        here.filter(|_| !is_suppressed)
    }

    #[inline(always)]
    fn start_in(
        &self,
        recorder: Option<&Arc<Recorder>>,
        parent: &mut Option<FrameContext>,
        builder: SpanBuilder,
    ) -> GuestSpan {
        let Some(recorder) = recorder else { return GuestSpan::passing(parent.take()) };
        let SpanBuilder { name, span_kind, start_time, attributes, events, links } = builder;
        let begin = GuestBeginning {
            name: &name,
            kind: span_kind.as_ref().map_or(SpanKind::Internal, convert::kind),
            start: start_time.map(convert::nanos),
            scope: self.scope,
        };
        let opened = with_local(|local| local.open_guest(recorder, &begin, parent)).flatten();
        let Some(mut opened) = opened else { return GuestSpan::passing(None) };
        let mut open = opened.recording.as_mut().map(|recording| &mut recording.span);
        // Taken apart one by one, so that nothing is left to be dropped of what is not there.
        if let Some(attributes) = attributes
            && let Some(open) = &mut open
        {
            convert::set_all(open, &attributes);
        }
        if let Some(events) = events
            && let Some(open) = &mut open
        {
            convert::put_events(open, &events);
        }
        if let Some(links) = links
            && let Some(open) = &mut open
        {
            convert::put_links(open, &links);
        }
        GuestSpan::of(recorder, opened)
    }
}

impl Tracer for GuestTracer {
    type Span = GuestSpan;

    /// As the default one, which asks whether the current context is suppressed a second time.
    #[inline]
    fn build(&self, builder: SpanBuilder) -> GuestSpan {
        let mut parent = None;
        let recorder =
            OtelContext::map_current(|cx| self.recorder_in(cx, cx.is_telemetry_suppressed(), &mut parent));
        self.start_in(recorder, &mut parent, builder)
    }

    fn build_with_context(&self, builder: SpanBuilder, cx: &OtelContext) -> GuestSpan {
        let mut parent = None;
        let is_suppressed = cx.is_telemetry_suppressed() || OtelContext::is_current_telemetry_suppressed();
        let recorder = self.recorder_in(cx, is_suppressed, &mut parent);
        self.start_in(recorder, &mut parent, builder)
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
