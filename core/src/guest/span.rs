//! A span behind OpenTelemetry's `Span` trait.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{self as otel, Status};

use super::convert;
use super::roots::{self, OpenRoot};
use crate::exception::Exception;
use crate::ids::SpanContext;
use crate::propagation::TraceState;
use crate::recorder::{FrameContext, OpenGuest, OpenSpan, Recorder, Recording, SharedCapture, with_local};
use crate::span::StatusCode;

/// An OpenTelemetry span in our recorder. Small, because the API moves it about before it puts it into a box.
#[derive(Debug)]
pub struct GuestSpan {
    context: otel::SpanContext,
    /// `None` when nothing is recorded, and once it has ended. It knows its recorder.
    recording: Option<Box<Recording>>,
    root: Root,
    /// Whether the thread was unwinding already when it was started, in some destructor.
    unwinding: bool,
}

/// What its end has to do with its root.
#[derive(Debug)]
enum Root {
    None,
    /// It is known as one.
    Itself(OpenRoot),
    /// Where its root's spans are gathered.
    Elsewhere(Arc<SharedCapture>),
}

impl GuestSpan {
    /// One that has begun.
    #[inline(always)]
    pub(super) fn of(recorder: &Recorder, opened: OpenGuest) -> Self {
        let OpenGuest { trace_id, span_id, flags, worker, is_root, extra, gathered_in, recording } = opened;
        let trace_state = extra.map_or_else(TraceState::default, |extra| extra.trace_state.clone());
        let context = SpanContext { trace_id, span_id, flags, trace_state, is_remote: false };
        let root = match gathered_in {
            _ if recording.is_none() => Root::None,
            _ if is_root => Root::Itself(roots::begin(trace_id, recorder.id(), worker)),
            None => Root::None,
            Some(gathered_in) => Root::Elsewhere(gathered_in),
        };
        let unwinding = std::thread::panicking();
        Self { context: convert::to_otel(&context), recording, root, unwinding }
    }

    /// One that records nothing and is its parent.
    #[cold]
    #[inline(never)]
    pub(super) fn passing(parent: Option<FrameContext>) -> Self {
        Self {
            context: convert::to_otel(&parent.unwrap_or_default().span_context()),
            recording: None,
            root: Root::None,
            unwinding: false,
        }
    }

    #[inline(always)]
    fn edit(&mut self, change: impl FnOnce(&mut OpenSpan)) {
        if let Some(recording) = &mut self.recording {
            change(&mut recording.span);
        }
    }

    #[inline(always)]
    fn end_at(&mut self, end: impl FnOnce() -> Option<u64>) {
        if let Some(recording) = self.recording.take() {
            self.close(recording, end());
        }
    }

    #[inline(never)]
    fn close(&mut self, mut recording: Box<Recording>, end: Option<u64>) {
        if std::thread::panicking() && !self.unwinding {
            Exception::of_unwinding().record(&mut recording.span);
        }
        let gathered_in = match std::mem::replace(&mut self.root, Root::None) {
            Root::None => None,
            Root::Elsewhere(gathered_in) => Some(gathered_in),
            Root::Itself(root) => {
                if let Some(elsewhere) = roots::end(root) {
                    recording.gather(elsewhere);
                }
                None
            }
        };
        with_local(|local| local.close_guest(recording, gathered_in, end));
    }
}

impl otel::Span for GuestSpan {
    fn add_event_with_timestamp<T: Into<Cow<'static, str>>>(
        &mut self,
        name: T,
        time: SystemTime,
        attributes: Vec<KeyValue>,
    ) {
        let name = name.into();
        if attributes.is_empty() {
            return self.edit(|span| span.add_plain_event_at(&name, convert::nanos(time)));
        }
        self.edit(|span| convert::put_event(span, &name, Some(time), &attributes));
    }

    fn add_event<T: Into<Cow<'static, str>>>(&mut self, name: T, attributes: Vec<KeyValue>) {
        let name = name.into();
        if attributes.is_empty() {
            return self.edit(|span| span.add_plain_event(&name));
        }
        self.edit(|span| convert::put_event(span, &name, None, &attributes));
    }

    fn span_context(&self) -> &otel::SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.edit(|span| convert::set(span, &attribute));
    }

    fn set_status(&mut self, status: Status) {
        match status {
            Status::Unset => {}
            Status::Ok => self.edit(|span| span.set_status(StatusCode::Ok, "")),
            Status::Error { description } => {
                self.edit(|span| span.set_status(StatusCode::Error, &description));
            }
        }
    }

    fn update_name<T: Into<Cow<'static, str>>>(&mut self, name: T) {
        self.edit(|span| span.update_name(&name.into()));
    }

    fn add_link(&mut self, context: otel::SpanContext, attributes: Vec<KeyValue>) {
        self.edit(|span| convert::put_link(span, &context, &attributes));
    }

    fn end(&mut self) {
        self.end_at(|| None);
    }

    fn end_with_timestamp(&mut self, time: SystemTime) {
        self.end_at(|| Some(convert::nanos(time)));
    }
}

impl Drop for GuestSpan {
    fn drop(&mut self) {
        self.end_at(|| None);
    }
}
