//! Native scopes of an `Arc<dyn BaseTracer>`, as programs have them.

use std::sync::Arc;
use std::time::Duration;

use tracer_factory_core::config::{RedactMode, TracerConfig};
use tracer_factory_core::tracer::BaseTracer;
use tracer_factory_noop::NoOpTracer;

use crate::case::{AGENT, Case, EVENT, Failure, Load, NAME, PROVIDER, Record, Shape, TOKENS, Values};
use crate::discard;

/// Far longer than it ever takes to deliver what a measurement leaves behind.
const PATIENCE: Duration = Duration::from_secs(60);

/// Native scopes of any tracer.
pub struct Native {
    tracer: Arc<dyn BaseTracer>,
    records: bool,
    /// Goes with the tracer that writes into it.
    _spool: Option<tempfile::TempDir>,
}

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Native").field(&self.tracer.describe()).finish()
    }
}

impl Native {
    /// Of a tracer that somebody made.
    pub fn of(tracer: Arc<dyn BaseTracer>) -> Self {
        Self { tracer, records: true, _spool: None }
    }

    /// The defaults of the product, and nobody who sends the spans anywhere.
    pub(crate) fn with_defaults() -> Result<Box<dyn Case>, Failure> {
        Self::discarding(&TracerConfig::default())
    }

    /// What costs something for each span is off: the last trace and the limits.
    pub(crate) fn recorder_alone() -> Result<Box<dyn Case>, Failure> {
        let config = TracerConfig::builder().with(|config| {
            let limits = &mut config.limits;
            limits.last_trace_bytes = 0;
            limits.attributes = u32::MAX;
            limits.events = u32::MAX;
            limits.event_attributes = u32::MAX;
            config.redact.mode = RedactMode::Off;
        });
        Self::discarding(&config.build())
    }

    /// Finished spans also go to disk. The setting comes from an environment, as in the product.
    pub(crate) fn with_spool() -> Result<Box<dyn Case>, Failure> {
        let folder = tempfile::tempdir()?;
        let variable = ("TRACER_SPOOL_DIR".to_owned(), folder.path().as_os_str().to_owned());
        let config = TracerConfig::from_map(&[variable].into_iter().collect())?;
        let tracer = Arc::new(discard::tracer(&config)?);
        Ok(Box::new(Self { tracer, records: true, _spool: Some(folder) }))
    }

    /// Head sampling leaves every trace out.
    pub(crate) fn sampled_out() -> Result<Box<dyn Case>, Failure> {
        let tracer = Arc::new(discard::tracer(&TracerConfig::builder().sampling_rate(0.0).build())?);
        Ok(Box::new(Self { tracer, records: false, _spool: None }))
    }

    /// Tracing turned off by `TRACER_TYPE=noop`.
    pub(crate) fn noop() -> Result<Box<dyn Case>, Failure> {
        let tracer = Arc::new(NoOpTracer::new(&TracerConfig::default())?);
        Ok(Box::new(Self { tracer, records: false, _spool: None }))
    }

    /// The defaults once something has taken an OpenTelemetry provider from the tracer.
    pub(crate) fn with_guest_installed() -> Result<Box<dyn Case>, Failure> {
        let tracer = discard::tracer(&TracerConfig::default())?;
        // It stays installed: what it changes belongs to the process.
        drop(tracer.tracer_provider());
        Ok(Box::new(Self::of(Arc::new(tracer))))
    }

    fn discarding(config: &TracerConfig) -> Result<Box<dyn Case>, Failure> {
        Ok(Box::new(Self::of(Arc::new(discard::tracer(config)?))))
    }
}

impl Record for Native {
    fn record(&self, load: Load, values: Values) {
        for _ in 0..load.traces {
            nest(&*self.tracer, load.shape, load.depth, values);
        }
    }

    fn settle(&self) {
        self.tracer.flush(PATIENCE);
    }
}

impl Case for Native {
    fn arrived(&self) -> u64 {
        discard::delivered(&*self.tracer)
    }

    fn arrivals(&self, load: Load) -> u64 {
        if self.records { load.spans() } else { 0 }
    }

    fn queues(&self) -> bool {
        self.records
    }
}

#[inline(never)]
fn nest(tracer: &dyn BaseTracer, shape: Shape, depth: usize, values: Values) {
    let scope = tracer.trace_context(NAME);
    if shape == Shape::Rich {
        scope
            .set_attribute(PROVIDER, values.provider)
            .set_attribute(TOKENS, values.tokens)
            .set_attribute(AGENT, values.agent);
    }
    if depth > 1 {
        nest(tracer, shape, depth - 1, values);
    }
    if shape == Shape::Rich {
        scope.add_event(EVENT);
    }
}
