//! A tracer's recorder and delivery in one process. A fork begins another life: the child must not touch its parent's.

use std::sync::{Arc, OnceLock};

use crate::config::TracerConfig;
use crate::delivery::{Adoption, Arrival, Delivery, Plan};
use crate::error::{ConfigError, TracerError};
use crate::otlp::ResourceBytes;
use crate::recorder::Recorder;
use crate::sampling::Sampler;

/// Checks the configuration again in a child process; its parent's plans are used up.
pub(crate) type Planner = Box<dyn Fn(&TracerConfig) -> Result<Vec<Plan>, ConfigError> + Send + Sync>;

pub(crate) struct Life {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) delivery: Delivery,
    /// That of a child process. Kept behind its parent's, whose locks may be held forever by threads that did not come along.
    next: OnceLock<Box<Life>>,
}

impl Life {
    pub(crate) fn begin(
        config: &TracerConfig,
        plans: Vec<Plan>,
        adoption: Option<Adoption>,
    ) -> Result<(Self, Vec<Arrival>), ConfigError> {
        let resource = Arc::new(ResourceBytes::new(crate::resource::from_config(config)));
        let sampler = Sampler::ratio(config.sampling_rate);
        let recorder = Recorder::new(config, sampler, resource);
        let (delivery, arrivals) =
            Delivery::start(Arc::clone(&recorder), config.delivery.clone(), plans, adoption)?;
        Ok((Self { recorder, delivery, next: OnceLock::new() }, arrivals))
    }

    /// The one of this process; `None` in a child that has none yet.
    pub(crate) fn here(&self) -> Option<&Self> {
        if self.recorder.is_of_this_process() { Some(self) } else { self.next.get()?.here() }
    }

    /// The one of this process, begun if need be.
    pub(crate) fn here_or_begin(
        &self,
        config: &TracerConfig,
        planner: Option<&Planner>,
    ) -> Result<&Self, TracerError> {
        if let Some(life) = self.here() {
            return Ok(life);
        }
        let last = self.last();
        let planner = planner.ok_or(TracerError::Forked)?;
        let begun = planner(config).and_then(|plans| Self::begin(config, plans, None));
        let (life, _) = begun.map_err(|error| TracerError::AfterFork(error.to_string()))?;
        last.recorder.set_heir(Arc::clone(&life.recorder));
        // Nobody else is here: a child begins with one thread, and its other threads found this process' life above.
        Ok(last.next.get_or_init(|| Box::new(life)))
    }

    fn last(&self) -> &Self {
        self.next.get().map_or(self, |next| next.last())
    }
}
