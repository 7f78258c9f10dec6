//! A tracer that keeps its spans in memory, for the tests of programs that trace.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::config::TracerConfig;
use crate::delivery::{Batch, BoxFuture, Connected, Destination, Outcome, Plan};
use crate::error::ConfigError;
use crate::lock::lock;
use crate::recording::RecordingTracer;
use crate::span::SpanData;
use crate::tracer::BaseTracer;

/// The spans that a capturing tracer recorded.
#[derive(Clone)]
pub struct Capture {
    tracer: Arc<RecordingTracer>,
    spans: Arc<Mutex<Vec<SpanData>>>,
}

/// How long [`Capture::spans`] waits for the delivery thread, which has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(10);

impl Capture {
    /// A tracer by `config` whose spans stay in memory, whatever types `config` names.
    pub fn with_config(config: &TracerConfig) -> Result<(Arc<RecordingTracer>, Capture), ConfigError> {
        let spans = Arc::new(Mutex::new(Vec::new()));
        let store = Arc::clone(&spans);
        let connect = move || Ok(Connected::new(Memory { spans: store }));
        let tracer = RecordingTracer::with_plans(config, vec![Plan::new("memory", "memory", connect)])?;
        let tracer = Arc::new(tracer);
        Ok((Arc::clone(&tracer), Capture { tracer, spans }))
    }

    /// Every span that has ended, in the order in which threads handed them over.
    pub fn spans(&self) -> Vec<SpanData> {
        self.tracer.flush(PATIENCE);
        lock(&self.spans).clone()
    }

    /// The one span with this name; the first when there are several.
    pub fn span(&self, name: &str) -> Option<SpanData> {
        self.spans().into_iter().find(|span| span.name == name)
    }

    /// Forgets what has ended so far.
    pub fn clear(&self) {
        self.tracer.flush(PATIENCE);
        lock(&self.spans).clear();
    }
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}

struct Memory {
    spans: Arc<Mutex<Vec<SpanData>>>,
}

impl Destination for Memory {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        lock(&self.spans).extend(batch.decode());
        Box::pin(std::future::ready(Outcome::all()))
    }
}
