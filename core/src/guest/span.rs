//! A span behind OpenTelemetry's `Span` trait.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{self as otel, Status};

use super::convert;
use super::roots::{self, OpenRoot};
use crate::context::Context;
use crate::exception::Exception;
use crate::recorder::{
    Detached, FrameContext, OpenSpan, Recorder, Recording, SharedCapture, StartSpan, Worker, with_local,
};
use crate::span::StatusCode;

/// An OpenTelemetry span in our recorder.
#[derive(Debug)]
pub struct GuestSpan {
    context: otel::SpanContext,
    /// `None` when nothing is recorded, and once it has ended.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    recorder: Arc<Recorder>,
    recording: Box<Recording>,
    worker: Worker,
    /// While it is a root.
    root: Option<OpenRoot>,
    /// Where its root's spans are gathered when it is none.
    gathered_in: Option<Arc<SharedCapture>>,
    /// Whether the thread was unwinding already when it was started, in some destructor.
    unwinding: bool,
}

impl GuestSpan {
    /// In the recorder of this process.
    pub(super) fn start(recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Self {
        let opened = with_local(|local| local.open_guest(recorder, start));
        let Some((Detached { context: frame, recording }, is_root)) = opened else {
            return Self::passing(&Context::default());
        };
        let context = convert::to_otel(&frame.span_context());
        let open = recording.map(|recording| Open {
            recorder: Arc::clone(recorder),
            recording,
            worker: frame.worker,
            root: is_root.then(|| roots::begin(frame.trace_id, frame.recorder, frame.worker)),
            gathered_in: frame.root,
            unwinding: std::thread::panicking(),
        });
        Self { context, open }
    }

    /// One that records nothing and is its parent.
    pub(super) fn passing(parent: &Context) -> Self {
        Self { context: convert::to_otel(&parent.span_context()), open: None }
    }

    #[inline]
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut OpenSpan)) {
        if let Some(open) = &mut self.open {
            change(&mut open.recording.span);
        }
    }

    pub(super) fn put_event(&mut self, name: &str, time: Option<SystemTime>, attributes: &[KeyValue]) {
        let pairs = convert::pairs(attributes);
        let pairs = pairs.iter().map(|(name, value)| (*name, value));
        self.edit(|span| span.add_event(name, time.map(convert::nanos), pairs));
    }

    pub(super) fn put_link(&mut self, context: &otel::SpanContext, attributes: &[KeyValue]) {
        let pairs = convert::pairs(attributes);
        let pairs = pairs.iter().map(|(name, value)| (*name, value));
        self.edit(|span| span.add_link(&convert::from_otel(context), pairs));
    }

    fn end_at(&mut self, end: Option<SystemTime>) {
        let Some(Open { recorder, mut recording, worker, root, gathered_in, unwinding }) = self.open.take()
        else {
            return;
        };
        if std::thread::panicking() && !unwinding {
            Exception::of_unwinding().record(&mut recording.span);
        }
        if let Some(elsewhere) = root.and_then(roots::end) {
            recording.gather(elsewhere);
        }
        let context = FrameContext { worker, root: gathered_in, ..FrameContext::default() };
        let ended = Detached { context, recording: Some(recording) };
        with_local(|local| local.close_detached(&recorder, ended, end.map(convert::nanos)));
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
        self.put_event(&name, Some(time), &attributes);
    }

    fn add_event<T: Into<Cow<'static, str>>>(&mut self, name: T, attributes: Vec<KeyValue>) {
        let name = name.into();
        if attributes.is_empty() {
            return self.edit(|span| span.add_plain_event(&name));
        }
        self.put_event(&name, None, &attributes);
    }

    fn span_context(&self) -> &otel::SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.open.is_some()
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
        self.put_link(&context, &attributes);
    }

    fn end(&mut self) {
        self.end_at(None);
    }

    fn end_with_timestamp(&mut self, time: SystemTime) {
        self.end_at(Some(time));
    }
}

impl Drop for GuestSpan {
    fn drop(&mut self) {
        self.end_at(None);
    }
}
