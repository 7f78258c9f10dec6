//! The verbs of agents, on every tracer.

use serde_json::Value;
use tracer_factory_core::ids::SpanContext;
use tracer_factory_core::manual::Span;
use tracer_factory_core::scope::Scope;
use tracer_factory_core::tracer::{BaseTracer, SpanOptions};
use tracer_factory_core::value::AttrValue;

use crate::annotation::{Annotation, AnnotationError, moment};
use crate::event_type::EventType;
use crate::model_call::ModelCall;
use crate::model_request::ModelRequest;
use crate::names::{EVENT_TYPE, OPERATION_NAME, SPAN_KIND, lightning};
use crate::session::{Session, SessionOptions};

/// The verbs of agents; in scope wherever they are used.
pub trait AgentTracer: BaseTracer {
    /// A scope of some kind of work under what is current.
    fn trace_event(&self, event: EventType, name: &str) -> Scope {
        let scope = self.trace_context(name);
        scope
            .set_attribute(EVENT_TYPE, event.as_str())
            .set_attribute(SPAN_KIND, event.span_kind())
            .set_attribute(OPERATION_NAME, name);
        scope
    }

    /// The same as a span that follows the work from thread to thread.
    fn start_event(&self, event: EventType, name: &str) -> Span {
        let mut span = self.start_span(&SpanOptions::new(name));
        span.set_attribute(EVENT_TYPE, event.as_str())
            .set_attribute(SPAN_KIND, event.span_kind())
            .set_attribute(OPERATION_NAME, name);
        span
    }

    /// Sets attributes of the current span.
    fn enrich_span(&self, attributes: &[(&str, AttrValue<'_>)]) {
        for (name, value) in attributes {
            self.add_span_attribute(name, value.clone());
        }
    }

    /// Begins a session.
    fn start_session(&self, options: &SessionOptions<'_>) -> Session {
        Session::start(self, options)
    }

    /// Begins a model call under what is current.
    fn start_model_call(&self, request: &ModelRequest<'_>) -> ModelCall {
        ModelCall::start(self, request)
    }

    /// Says how good the work before was.
    fn emit_reward(&self, value: f64) -> Result<SpanContext, AnnotationError> {
        Annotation::reward(value).emit(self)
    }

    /// The same in several dimensions, the primary one first.
    fn emit_rewards(&self, dimensions: &[(&str, f64)]) -> Result<SpanContext, AnnotationError> {
        let annotation = Annotation::new();
        dimensions.iter().fold(annotation, |all, (name, value)| all.dimension(*name, *value)).emit(self)
    }

    /// Says anything about the work before.
    fn emit_annotation(&self, annotation: &Annotation<'_>) -> Result<SpanContext, AnnotationError> {
        annotation.emit(self)
    }

    /// Records a text on its own.
    fn emit_message(&self, body: &str) -> SpanContext {
        moment(self, lightning::MESSAGE, None, |span| {
            span.set_attribute(lightning::MESSAGE_BODY, body);
        })
    }

    /// Records a value on its own: plain ones as they are, others as JSON.
    fn emit_object(&self, object: &Value) -> SpanContext {
        moment(self, lightning::OBJECT, None, |span| {
            let (kind, literal) = match object {
                Value::String(text) => ("str", Some(AttrValue::from(text))),
                Value::Bool(value) => ("bool", Some(AttrValue::from(*value))),
                Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                    (Some(value), _) => ("int", Some(AttrValue::from(value))),
                    (None, Some(value)) => ("float", Some(AttrValue::from(value))),
                    (None, None) => ("int", Some(AttrValue::from(number.to_string()))),
                },
                Value::Null => ("NoneType", None),
                Value::Array(_) => ("list", None),
                Value::Object(_) => ("dict", None),
            };
            span.set_attribute(lightning::OBJECT_TYPE, kind);
            match literal {
                Some(value) => span.set_attribute(lightning::OBJECT_LITERAL, value),
                None => span.set_attribute(lightning::OBJECT_JSON, object.to_string()),
            };
        })
    }
}

impl<T: BaseTracer + ?Sized> AgentTracer for T {}
