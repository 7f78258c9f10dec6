//! The noop backend: nothing is recorded and nothing allocated, and context is still passed on.

use std::time::Duration;

use tracer_factory_core::callback::CallbackHandler;
use tracer_factory_core::config::TracerConfig;
use tracer_factory_core::context::Context;
use tracer_factory_core::error::{ConfigError, TracerError};
use tracer_factory_core::manual::Span;
use tracer_factory_core::propagation::{self, Extractor, Injector, Propagator};
use tracer_factory_core::report::{Health, Report};
use tracer_factory_core::scope::Scope;
use tracer_factory_core::span::{StatusCode, Trace};
use tracer_factory_core::tracer::{BaseTracer, Parent, SpanOptions};
use tracer_factory_core::value::AttrValue;

/// Records nothing. Its scopes have the identifiers of what is current, or zeros.
#[derive(Clone, Debug)]
pub struct NoOpTracer {
    propagators: Vec<Propagator>,
}

impl NoOpTracer {
    /// The name of its tracer type.
    pub const NAME: &'static str = "noop";

    /// A tracer that passes context on in the configured formats.
    pub fn new(config: &TracerConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let propagators: Vec<_> = config.propagators.iter().map(|propagator| propagator.name()).collect();
        tracing::info!(
            backend = Self::NAME,
            service = config.service_name,
            propagators = propagators.join(","),
            "traces are not recorded; context is passed on"
        );
        Ok(Self::passing_on(&config.propagators))
    }

    /// A tracer that passes context on in these formats.
    pub fn passing_on(propagators: &[Propagator]) -> Self {
        Self { propagators: propagators.to_vec() }
    }
}

impl BaseTracer for NoOpTracer {
    fn describe(&self) -> String {
        Self::NAME.to_owned()
    }

    fn init(&self) -> Result<(), TracerError> {
        Ok(())
    }

    fn teardown(&self) -> Report {
        Report::default()
    }

    fn instrument(&self, _worker_id: i64) -> Result<(), TracerError> {
        Ok(())
    }

    fn uninstrument(&self, _worker_id: i64) -> Result<(), TracerError> {
        Ok(())
    }

    fn init_worker(&self, _worker_id: i64) -> Result<(), TracerError> {
        Ok(())
    }

    fn teardown_worker(&self, _worker_id: i64) -> Report {
        Report::default()
    }

    /// A scope under a given context makes that context current, so that what it calls passes it on.
    #[inline]
    fn start_scope(&self, options: &SpanOptions<'_>) -> Scope {
        match options.parent {
            Parent::Context(context) => Scope::passing_on(context),
            Parent::Current | Parent::None => Scope::noop(),
        }
    }

    fn start_span(&self, options: &SpanOptions<'_>) -> Span {
        match options.parent {
            Parent::Context(context) => Span::noop(context),
            Parent::Current => Span::noop(&Context::current()),
            Parent::None => Span::noop(&Context::default()),
        }
    }

    fn get_last_trace(&self) -> Trace {
        Trace::default()
    }

    fn get_langchain_callback_handler(&self, _tags: &[&str]) -> CallbackHandler {
        CallbackHandler::noop()
    }

    fn add_span_attribute(&self, _name: &str, _value: AttrValue<'_>) {}

    fn add_span_event(&self, _name: &str, _attributes: &[(&str, AttrValue<'_>)]) {}

    fn set_span_status(&self, _code: StatusCode, _message: &str) {}

    fn inject_context(&self, context: &Context, carrier: &mut dyn Injector) {
        propagation::inject(&self.propagators, &context.propagated(), carrier);
    }

    fn extract_context(&self, carrier: &dyn Extractor) -> Context {
        Context::from_propagated(propagation::extract(&self.propagators, carrier))
    }

    fn report(&self) -> Report {
        Report::default()
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn flush(&self, _deadline: Duration) -> Report {
        Report::default()
    }
}
