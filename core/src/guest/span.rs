//! A manual span behind OpenTelemetry's `Span` trait.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{self as otel, Status};

use super::convert;
use super::roots::{self, OpenRoot};
use crate::context::Context;
use crate::manual::Span;
use crate::span::StatusCode;

/// An OpenTelemetry span in our recorder.
#[derive(Debug)]
pub struct GuestSpan {
    context: otel::SpanContext,
    /// `None` once it has ended.
    span: Option<Span>,
    /// While it is a root that is open.
    root: Option<OpenRoot>,
}

impl GuestSpan {
    pub(super) fn new(span: Span, is_root: bool) -> Self {
        let context = convert::to_otel(&span.span_context());
        let root = span
            .frame()
            .filter(|_| is_root)
            .map(|frame| roots::begin(frame.trace_id, frame.recorder, frame.worker));
        Self { context, span: Some(span), root }
    }

    /// One that records nothing and is its parent.
    pub(super) fn passing(parent: &Context) -> Self {
        Self::new(Span::noop(parent), false)
    }

    fn end_at(&mut self, end: Option<u64>) {
        let Some(mut span) = self.span.take() else { return };
        if let Some(elsewhere) = self.root.take().and_then(roots::end) {
            span.gather(elsewhere);
        }
        match end {
            Some(end) => span.finish_at(end),
            None => span.finish(),
        }
    }
}

impl otel::Span for GuestSpan {
    fn add_event_with_timestamp<T: Into<Cow<'static, str>>>(
        &mut self,
        name: T,
        time: SystemTime,
        attributes: Vec<KeyValue>,
    ) {
        if let Some(span) = &mut self.span {
            let (name, time) = (name.into(), convert::nanos(time));
            if attributes.is_empty() {
                return span.edit(|open| open.add_plain_event_at(&name, time));
            }
            span.add_event_at(&name, time, &convert::pairs(&attributes));
        }
    }

    fn add_event<T: Into<Cow<'static, str>>>(&mut self, name: T, attributes: Vec<KeyValue>) {
        if let Some(span) = &mut self.span {
            span.add_event_with(&name.into(), &convert::pairs(&attributes));
        }
    }

    fn span_context(&self) -> &otel::SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.span.as_ref().is_some_and(Span::is_recording)
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some(span) = &mut self.span {
            span.edit(|open| convert::set(open, &attribute));
        }
    }

    fn set_status(&mut self, status: Status) {
        if let Some(span) = &mut self.span {
            match status {
                Status::Unset => {}
                Status::Ok => drop(span.set_status(StatusCode::Ok, "")),
                Status::Error { description } => drop(span.set_status(StatusCode::Error, &description)),
            }
        }
    }

    fn update_name<T: Into<Cow<'static, str>>>(&mut self, name: T) {
        if let Some(span) = &mut self.span {
            span.update_name(&name.into());
        }
    }

    fn add_link(&mut self, context: otel::SpanContext, attributes: Vec<KeyValue>) {
        if let Some(span) = &mut self.span {
            span.add_link(&convert::from_otel(&context), &convert::pairs(&attributes));
        }
    }

    fn end(&mut self) {
        self.end_at(None);
    }

    fn end_with_timestamp(&mut self, time: SystemTime) {
        self.end_at(Some(convert::nanos(time)));
    }
}

impl Drop for GuestSpan {
    fn drop(&mut self) {
        self.end_at(None);
    }
}
