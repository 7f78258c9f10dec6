//! Threads that record, at a rate or as fast as they can, and say which spans have ended.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tracer_factory::{BaseTracer, Scope, SpanId};

use super::command::Command;
use super::{numbered, path};

/// How often a thread with a rate looks at the clock.
const TICK: Duration = Duration::from_millis(1);

/// What a load did.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// Scopes that closed.
    pub spans: u64,
    /// From the first to the last, for the slowest thread.
    pub seconds: f64,
}

/// Where the thread with that number tells of spans that have ended.
pub fn acknowledgement_file(at: &Path, thread: u64) -> PathBuf {
    numbered(at, thread)
}

/// One scope as a request has it.
pub(super) fn record(tracer: &dyn BaseTracer, number: u64) -> SpanId {
    opened(tracer, number).span_id()
}

/// The same, not closed yet.
pub(super) fn opened(tracer: &dyn BaseTracer, number: u64) -> Scope {
    let scope = tracer.trace_context("operation");
    scope.set_attribute("http.route", "/orders/{id}").set_attribute("number", number.cast_signed());
    scope.add_event("cache.miss");
    scope
}

/// The threads at work.
#[derive(Default)]
pub(super) struct Loads {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Done>>,
}

impl Loads {
    pub(super) fn start(&mut self, tracer: &Arc<dyn BaseTracer>, command: &Command<'_>) -> Result<()> {
        let threads = command.number("threads")?;
        let (rate, spans) = (command.number("rate")?, command.number("spans")?);
        for thread in 0..threads {
            let acknowledge = match command.text("acknowledge") {
                Some(at) => Some(Acknowledge::start(path(at), thread, command.number("portion")?)?),
                None => None,
            };
            let load = Load {
                tracer: Arc::clone(tracer),
                stop: Arc::clone(&self.stop),
                rate: rate / threads,
                spans: spans / threads,
                life: command.number("life")?,
                prompt: "a word ".repeat(usize::try_from(command.number("prompt")?)? / 7),
                acknowledge,
            };
            self.threads.push(std::thread::spawn(move || load.run()));
        }
        Ok(())
    }

    pub(super) fn stop(&mut self) -> Done {
        self.stop.store(true, Relaxed);
        let done = self.wait();
        self.stop.store(false, Relaxed);
        done
    }

    pub(super) fn wait(&mut self) -> Done {
        let mut done = Done::default();
        for thread in self.threads.drain(..) {
            // A thread that panicked leaves spans missing, which is noticed.
            let one = thread.join().unwrap_or_default();
            done = Done { spans: done.spans + one.spans, seconds: done.seconds.max(one.seconds) };
        }
        done
    }
}

struct Load {
    tracer: Arc<dyn BaseTracer>,
    stop: Arc<AtomicBool>,
    rate: u64,
    spans: u64,
    /// After so many spans another thread goes on; 0 is never.
    life: u64,
    /// An attribute of every fourth span, unless it is empty.
    prompt: String,
    acknowledge: Option<Acknowledge>,
}

impl Load {
    fn run(mut self) -> Done {
        let begin = Instant::now();
        let mut spans = 0;
        while self.goes_on(spans) {
            let until = if self.life == 0 { self.spans } else { self.spans.min(spans + self.life) };
            spans = if self.life == 0 {
                self.record(begin, spans, until)
            } else {
                let life =
                    std::thread::scope(|scope| scope.spawn(|| self.record(begin, spans, until)).join().ok());
                // One that panicked leaves spans missing, which is noticed.
                let Some(reached) = life else { break };
                reached
            };
        }
        Done { spans, seconds: begin.elapsed().as_secs_f64() }
    }

    fn goes_on(&self, spans: u64) -> bool {
        spans < self.spans && !self.stop.load(Relaxed)
    }

    /// From one number to another, or to the end of the load. Where it got to.
    fn record(&mut self, begin: Instant, mut spans: u64, until: u64) -> u64 {
        while spans < until && self.goes_on(spans) {
            let due = match self.rate {
                0 => spans + 64,
                rate => (begin.elapsed().as_secs_f64() * rate as f64) as u64,
            };
            while spans < due.min(until) {
                let scope = opened(&*self.tracer, spans);
                if !self.prompt.is_empty() && spans.is_multiple_of(4) {
                    scope.set_attribute("prompt.text", self.prompt.as_str());
                }
                let id = scope.span_id();
                drop(scope);
                spans += 1;
                if let Some(acknowledge) = &mut self.acknowledge {
                    acknowledge.add(id);
                }
            }
            if self.rate > 0 {
                std::thread::sleep(TICK);
            }
        }
        spans
    }
}

/// Tells of spans in a file, which outlives a kill as soon as `write` has returned.
struct Acknowledge {
    file: File,
    waiting: Vec<u8>,
    portion: usize,
}

impl Acknowledge {
    fn start(at: &Path, thread: u64, portion: u64) -> Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(acknowledgement_file(at, thread))?;
        Ok(Self { file, waiting: Vec::new(), portion: usize::try_from(portion)? * size_of::<u64>() })
    }

    /// Its scope has closed.
    fn add(&mut self, id: SpanId) {
        self.waiting.extend_from_slice(&id.to_bytes());
        if self.waiting.len() >= self.portion {
            self.flush();
        }
    }

    fn flush(&mut self) {
        // What can't be told can't be missed.
        let _ = self.file.write_all(&self.waiting);
        self.waiting.clear();
    }
}

impl Drop for Acknowledge {
    fn drop(&mut self) {
        self.flush();
    }
}
