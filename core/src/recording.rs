//! `RecordingTracer`: the one tracer behind every backend but noop. Only destination and defaults differ.

use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::callback::CallbackHandler;
use crate::config::TracerConfig;
use crate::context::Context;
use crate::delivery::{Backend, Delivery, Plan};
use crate::error::{ConfigError, TracerError};
use crate::manual::Span;
use crate::otlp::ResourceBytes;
use crate::propagation::{Extractor, Injector, Propagator};
use crate::recorder::{Recorder, SlotRef, with_local};
use crate::report::{Health, Report};
use crate::sampling::Sampler;
use crate::scope::Scope;
use crate::span::{StatusCode, Trace};
use crate::tracer::{BaseTracer, SpanOptions};
use crate::value::AttrValue;

/// A backend by its type, so that `JaegerTracer` and its siblings are aliases of one tracer.
pub trait BackendType: 'static {
    /// The backend.
    const BACKEND: Backend;
}

/// Several backends, or one that is known only at run time.
#[derive(Debug)]
pub enum AnyBackend {}

/// Records spans and delivers them. Dropping it flushes within the configured time.
pub struct RecordingTracer<B = AnyBackend> {
    recorder: Arc<Recorder>,
    delivery: Delivery,
    propagators: Vec<Propagator>,
    shutdown_timeout: Duration,
    instrument_managed: bool,
    description: String,
    torn_down: Mutex<bool>,
    /// How many spans had been accepted when a flush last ran out of time; `u64::MAX` for never.
    waited_for: AtomicU64,
    _backend: PhantomData<fn() -> B>,
}

impl<B> std::fmt::Debug for RecordingTracer<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RecordingTracer").field(&self.description).finish()
    }
}

impl<B: BackendType> RecordingTracer<B> {
    /// A tracer for this backend, whatever types `config` names.
    pub fn new(config: &TracerConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Self::start(config, vec![(B::BACKEND.plan)(config)?])
    }
}

impl RecordingTracer {
    /// A tracer for destinations that were checked already. Each receives every span.
    pub fn with_plans(config: &TracerConfig, plans: Vec<Plan>) -> Result<Self, ConfigError> {
        config.validate()?;
        Self::start(config, plans)
    }
}

impl<B> RecordingTracer<B> {
    fn start(config: &TracerConfig, plans: Vec<Plan>) -> Result<Self, ConfigError> {
        let resource = Arc::new(ResourceBytes::new(crate::resource::from_config(config)));
        let sampler = Sampler::ratio(config.sampling_rate);
        let recorder = Recorder::new(config.limits.clone(), sampler, resource, config.delivery.lane_bytes);
        let (delivery, arrivals) = Delivery::start(Arc::clone(&recorder), config.delivery.clone(), plans)?;
        let backends: Vec<_> =
            arrivals.iter().map(|arrival| format!("{} {}", arrival.backend, arrival.endpoint)).collect();
        let notices: Vec<_> = arrivals.into_iter().filter_map(|arrival| arrival.notice).collect();
        let description = backends.join(", ");
        let propagators: Vec<_> = config.propagators.iter().map(|propagator| propagator.name()).collect();
        tracing::info!(
            backend = description,
            service = config.service_name,
            sampler = %recorder.sampler(),
            propagators = propagators.join(","),
            notice = (!notices.is_empty()).then(|| notices.join("; ")),
            "traces are recorded"
        );
        Ok(Self {
            recorder,
            delivery,
            propagators: config.propagators.clone(),
            shutdown_timeout: config.delivery.shutdown_timeout,
            instrument_managed: config.instrument_managed,
            description,
            torn_down: Mutex::new(false),
            waited_for: AtomicU64::new(u64::MAX),
            _backend: PhantomData,
        })
    }

    /// An OpenTelemetry `TracerProvider` that records into this tracer. From the first one on, native scopes attach
    /// OpenTelemetry contexts too, so that both kinds nest in each other.
    #[cfg(feature = "guest")]
    pub fn tracer_provider(&self) -> crate::guest::GuestTracerProvider {
        crate::guest::GuestTracerProvider::new(Arc::clone(&self.recorder))
    }

    fn alive(&self) -> Result<(), TracerError> {
        if self.recorder.is_closed() { Err(TracerError::TornDown) } else { Ok(()) }
    }

    fn current_slot(&self) -> SlotRef {
        with_local(|local| local.current_slot()).flatten().unwrap_or(SlotRef::NONE)
    }
}

impl<B> BaseTracer for RecordingTracer<B> {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn init(&self) -> Result<(), TracerError> {
        self.alive()
    }

    fn teardown(&self) -> Report {
        let mut torn_down = self.torn_down.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *torn_down, true) {
            self.recorder.close();
            // Whoever has just waited in vain for the same spans does not wait twice.
            let waited = self.waited_for.load(Relaxed) == self.delivery.report().accepted;
            self.delivery.stop(if waited { Duration::ZERO } else { self.shutdown_timeout });
        }
        self.delivery.report()
    }

    fn instrument(&self, worker_id: i64) -> Result<(), TracerError> {
        self.alive()?;
        if self.instrument_managed {
            #[cfg(feature = "guest")]
            opentelemetry::global::set_tracer_provider(self.tracer_provider());
            tracing::debug!(worker_id, "the process-wide OpenTelemetry provider records into this tracer");
        }
        Ok(())
    }

    fn uninstrument(&self, worker_id: i64) -> Result<(), TracerError> {
        if self.instrument_managed {
            #[cfg(feature = "guest")]
            opentelemetry::global::set_tracer_provider(opentelemetry::trace::noop::NoopTracerProvider::new());
            tracing::debug!(worker_id, "the process-wide OpenTelemetry provider is off");
        }
        Ok(())
    }

    fn init_worker(&self, worker_id: i64) -> Result<(), TracerError> {
        self.alive()?;
        self.recorder.add_worker(worker_id);
        with_local(|local| local.bind_worker(&self.recorder, Some(worker_id)));
        Ok(())
    }

    fn teardown_worker(&self, worker_id: i64) -> Report {
        self.recorder.remove_worker(worker_id);
        with_local(|local| {
            if local.bound_worker(&self.recorder) == Some(worker_id) {
                local.bind_worker(&self.recorder, None);
            }
        });
        self.flush(self.shutdown_timeout)
    }

    #[inline]
    fn trace_context(&self, name: &str) -> Scope {
        Scope::start(&self.recorder, &SpanOptions::new(name).to_start())
    }

    #[inline]
    fn start_scope(&self, options: &SpanOptions<'_>) -> Scope {
        Scope::start(&self.recorder, &options.to_start())
    }

    fn start_span(&self, options: &SpanOptions<'_>) -> Span {
        Span::open(&self.recorder, &options.to_start())
    }

    fn get_last_trace(&self) -> Trace {
        let worker = with_local(|local| local.bound_worker(&self.recorder)).flatten();
        self.recorder.last_trace(worker)
    }

    fn get_langchain_callback_handler(&self, tags: &[&str]) -> CallbackHandler {
        let recorder = Arc::clone(&self.recorder);
        let start = move |name: &str, parent: Option<&Context>| {
            let options = SpanOptions::new(name);
            let options =
                parent.map_or_else(|| options.clone(), |parent| options.clone().parent_context(parent));
            Span::open(&recorder, &options.to_start())
        };
        CallbackHandler::new(Arc::new(start), tags)
    }

    fn add_span_attribute(&self, name: &str, value: AttrValue<'_>) {
        Scope::borrowed(self.current_slot()).set_attribute(name, value);
    }

    fn add_span_event(&self, name: &str, attributes: &[(&str, AttrValue<'_>)]) {
        Scope::borrowed(self.current_slot()).add_event_with(name, attributes);
    }

    fn set_span_status(&self, code: StatusCode, message: &str) {
        Scope::borrowed(self.current_slot()).set_status(code, message);
    }

    fn inject_context(&self, context: &Context, carrier: &mut dyn Injector) {
        crate::propagation::inject(&self.propagators, &context.propagated(), carrier);
    }

    fn extract_context(&self, carrier: &dyn Extractor) -> Context {
        Context::from_propagated(crate::propagation::extract(&self.propagators, carrier))
    }

    fn report(&self) -> Report {
        self.delivery.report()
    }

    fn health(&self) -> Health {
        self.delivery.health()
    }

    fn flush(&self, deadline: Duration) -> Report {
        self.delivery.flush(deadline);
        let report = self.delivery.report();
        let in_vain = deadline >= self.shutdown_timeout && report.destinations.iter().any(|d| d.pending > 0);
        self.waited_for.store(if in_vain { report.accepted } else { u64::MAX }, Relaxed);
        report
    }
}

impl<B> Drop for RecordingTracer<B> {
    fn drop(&mut self) {
        let report = self.teardown();
        if !report.is_complete() {
            tracing::warn!(report = %report, "not every span was delivered before the tracer ended");
        }
    }
}
