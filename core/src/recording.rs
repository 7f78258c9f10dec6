//! `RecordingTracer`: the one tracer behind every backend but noop. Only destination and defaults differ.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracer_factory_ring::fork::PerProcess;

use crate::callback::CallbackHandler;
use crate::config::{Limits, TracerConfig};
use crate::context::Context;
use crate::delivery::{Backend, Delivery, Plan};
use crate::error::{ConfigError, TracerError};
use crate::ids::{SpanContext, TraceFlags};
use crate::life::{Life, Planner};
use crate::lock::{inherited, lock};
use crate::manual::Span;
use crate::propagation::{Extractor, Injector};
use crate::recorder::{Local, Recorder, with_local};
use crate::report::{Health, Report};
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
    /// The hot path's way to the recorder; a child process finds its own behind it.
    recorder: Arc<Recorder>,
    life: Life,
    config: TracerConfig,
    planner: Option<Planner>,
    description: String,
    torn_down: Mutex<bool>,
    /// When a flush last ran out of time, and how many spans had been accepted by then.
    waited_in_vain: Mutex<Option<(Instant, u64)>>,
    /// Workers for which process-wide pieces are installed.
    instrumented: PerProcess<Mutex<Vec<i64>>>,
    _backend: PhantomData<fn() -> B>,
}

impl<B> std::fmt::Debug for RecordingTracer<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RecordingTracer").field(&self.description).finish()
    }
}

impl<B: BackendType> RecordingTracer<B> {
    /// A tracer for this backend, whatever types `config` names. Limits that were left at their defaults become the backend's.
    pub fn new(config: &TracerConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut config = config.clone();
        if config.limits == Limits::default() {
            (B::BACKEND.limits)(&mut config.limits);
        }
        Self::start(config, Box::new(|config| Ok(vec![(B::BACKEND.plan)(config)?])))
    }
}

impl RecordingTracer {
    /// A tracer for destinations that were checked already. Each receives every span. Only this process can use it: a
    /// child has no plans; see [`RecordingTracer::with_planner`].
    pub fn with_plans(config: &TracerConfig, plans: Vec<Plan>) -> Result<Self, ConfigError> {
        config.validate()?;
        Self::begin(config.clone(), plans, None)
    }

    /// A tracer for the destinations that `planner` makes of the configuration, now and again in each child process.
    pub fn with_planner(
        config: &TracerConfig,
        planner: impl Fn(&TracerConfig) -> Result<Vec<Plan>, ConfigError> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Self::start(config.clone(), Box::new(planner))
    }
}

impl<B> RecordingTracer<B> {
    fn start(config: TracerConfig, planner: Planner) -> Result<Self, ConfigError> {
        let plans = planner(&config)?;
        Self::begin(config, plans, Some(planner))
    }

    fn begin(config: TracerConfig, plans: Vec<Plan>, planner: Option<Planner>) -> Result<Self, ConfigError> {
        let (life, arrivals) = Life::begin(&config, plans, None)?;
        let backends: Vec<_> =
            arrivals.iter().map(|arrival| format!("{} {}", arrival.backend, arrival.endpoint)).collect();
        let notices: Vec<_> = arrivals.into_iter().filter_map(|arrival| arrival.notice).collect();
        let description = backends.join(", ");
        let propagators: Vec<_> = config.propagators.iter().map(|propagator| propagator.name()).collect();
        tracing::info!(
            backend = description,
            service = config.service_name,
            sampler = %life.recorder.sampler(),
            propagators = propagators.join(","),
            notice = (!notices.is_empty()).then(|| notices.join("; ")),
            "traces are recorded"
        );
        Ok(Self {
            recorder: Arc::clone(&life.recorder),
            life,
            config,
            planner,
            description,
            torn_down: Mutex::new(false),
            waited_in_vain: Mutex::new(None),
            instrumented: PerProcess::new(),
            _backend: PhantomData,
        })
    }

    #[cfg(test)]
    pub(crate) fn life_for_tests(&self) -> &Life {
        &self.life
    }

    /// An OpenTelemetry `TracerProvider` that records into this tracer. From the first one on, native scopes attach
    /// OpenTelemetry contexts too, so that both kinds nest in each other.
    #[cfg(feature = "guest")]
    pub fn tracer_provider(&self) -> crate::guest::GuestTracerProvider {
        crate::guest::GuestTracerProvider::new(Arc::clone(&self.recorder))
    }

    /// How long teardown waits. Whoever has waited in vain for the same spans a moment ago gets one more attempt, not all
    /// of the time again.
    fn patience(&self, delivery: &Delivery) -> Duration {
        const A_MOMENT: Duration = Duration::from_secs(2);
        const ONE_ATTEMPT: Duration = Duration::from_millis(500);
        let accepted = delivery.report().accepted;
        let just_waited = *lock(&self.waited_in_vain);
        match just_waited {
            Some((when, for_spans)) if for_spans == accepted && when.elapsed() < A_MOMENT => {
                self.config.delivery.shutdown_timeout.min(ONE_ATTEMPT)
            }
            _ => self.config.delivery.shutdown_timeout,
        }
    }

    /// Of a child process that has not called `init_worker` too.
    fn alive(&self) -> Result<(), TracerError> {
        match self.life.here() {
            Some(life) if life.recorder.is_closed() => Err(TracerError::TornDown),
            _ => Ok(()),
        }
    }

    /// The tracer's locks may have been held by threads that a fork left behind: a child takes none of them.
    fn is_of_this_process(&self) -> bool {
        self.recorder.is_of_this_process()
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
        let Some(life) = self.life.here() else { return Report::default() };
        if !self.is_of_this_process() {
            if life.recorder.close() {
                life.delivery.stop(self.config.delivery.shutdown_timeout);
            }
            return life.delivery.report();
        }
        let mut torn_down = lock(&self.torn_down);
        if !std::mem::replace(&mut *torn_down, true) {
            life.recorder.close();
            life.delivery.stop(self.patience(&life.delivery));
        }
        life.delivery.report()
    }

    fn instrument(&self, worker_id: i64) -> Result<(), TracerError> {
        self.alive()?;
        if self.config.instrument_managed {
            let mut instrumented = lock(self.instrumented.get(inherited));
            if instrumented.is_empty() {
                #[cfg(feature = "guest")]
                opentelemetry::global::set_tracer_provider(self.tracer_provider());
            }
            if !instrumented.contains(&worker_id) {
                instrumented.push(worker_id);
            }
        }
        Ok(())
    }

    /// The process-wide pieces go with the last worker that asked for them.
    fn uninstrument(&self, worker_id: i64) -> Result<(), TracerError> {
        let mut instrumented = lock(self.instrumented.get(inherited));
        let before = instrumented.len();
        instrumented.retain(|worker| *worker != worker_id);
        if before > 0 && instrumented.is_empty() {
            #[cfg(feature = "guest")]
            opentelemetry::global::set_tracer_provider(opentelemetry::trace::noop::NoopTracerProvider::new());
        }
        Ok(())
    }

    fn init_worker(&self, worker_id: i64) -> Result<(), TracerError> {
        self.alive()?;
        let life = self.life.here_or_begin(&self.config, self.planner.as_ref())?;
        life.recorder.add_worker(worker_id);
        with_local(|local| local.bind_worker(&life.recorder, Some(worker_id)));
        Ok(())
    }

    fn teardown_worker(&self, worker_id: i64) -> Report {
        let Some(life) = self.life.here() else { return Report::default() };
        life.recorder.remove_worker(worker_id);
        with_local(|local| {
            if local.bound_worker(&life.recorder) == Some(worker_id) {
                local.bind_worker(&life.recorder, None);
            }
        });
        self.flush(self.config.delivery.shutdown_timeout)
    }

    #[inline]
    fn trace_context(&self, name: &str) -> Scope {
        Scope::named(&self.recorder, name)
    }

    #[inline]
    fn start_scope(&self, options: &SpanOptions<'_>) -> Scope {
        Scope::start(&self.recorder, &options.to_start())
    }

    fn start_span(&self, options: &SpanOptions<'_>) -> Span {
        Span::open(&self.recorder, &options.to_start())
    }

    fn get_last_trace(&self) -> Trace {
        let Some(life) = self.life.here() else { return Trace::default() };
        let worker = with_local(|local| local.bound_worker(&life.recorder)).flatten();
        life.recorder.last_trace(worker)
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
        Scope::with_current(|scope| {
            scope.set_attribute(name, value);
        });
    }

    fn add_span_event(&self, name: &str, attributes: &[(&str, AttrValue<'_>)]) {
        Scope::with_current(|scope| {
            scope.add_event_with(name, attributes);
        });
    }

    fn set_span_status(&self, code: StatusCode, message: &str) {
        Scope::with_current(|scope| {
            scope.set_status(code, message);
        });
    }

    fn inject_context(&self, context: &Context, carrier: &mut dyn Injector) {
        crate::propagation::inject(&self.config.propagators, &context.propagated(), carrier);
    }

    fn extract_context(&self, carrier: &dyn Extractor) -> Context {
        Context::from_propagated(crate::propagation::extract(&self.config.propagators, carrier))
    }

    fn new_trace_context(&self) -> Context {
        let (trace_id, span_id) = with_local(Local::new_identifiers).unwrap_or_default();
        let flags =
            if self.recorder.sampler().records(trace_id) { TraceFlags::SAMPLED } else { TraceFlags::NONE };
        Context::from_span_context(SpanContext::new(trace_id, span_id, flags))
    }

    fn report(&self) -> Report {
        self.life.here().map_or_else(Report::default, |life| life.delivery.report())
    }

    fn health(&self) -> Health {
        self.life.here().map_or_else(Health::default, |life| life.delivery.health())
    }

    fn flush(&self, deadline: Duration) -> Report {
        let Some(life) = self.life.here() else { return Report::default() };
        life.delivery.flush(deadline);
        let report = life.delivery.report();
        if self.is_of_this_process() {
            let in_vain = deadline >= self.config.delivery.shutdown_timeout
                && report.destinations.iter().any(|d| d.pending > 0);
            *lock(&self.waited_in_vain) = in_vain.then(|| (Instant::now(), report.accepted));
        }
        report
    }
}

impl<B> Drop for RecordingTracer<B> {
    fn drop(&mut self) {
        let report = self.teardown();
        if report.is_complete() {
            return;
        }
        if report.is_safe() {
            tracing::info!(report = %report, "the tracer ended; what was not delivered is on disk for the next process");
        } else {
            tracing::warn!(report = %report, "not every span was delivered before the tracer ended");
        }
    }
}
