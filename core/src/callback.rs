//! The callback handler: a chain's, a model's and a tool's calls as spans, by run identifier.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tracer_factory_ring::fork::PerProcess;

use crate::context::Context;
use crate::lock::lock;
use crate::manual::Span;
use crate::value::AttrValue;

/// Starts a span under a parent, as the tracer that made the handler does.
pub(crate) type StartRun = Arc<dyn Fn(&str, Option<&Context>) -> Span + Send + Sync>;

/// What a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunKind {
    /// A completion.
    Llm,
    /// A chat completion.
    ChatModel,
    /// A chain of other runs.
    Chain,
    /// A tool.
    Tool,
    /// A retriever.
    Retriever,
    /// An agent.
    Agent,
}

impl RunKind {
    /// The span's name and the value of `agentops.span.kind`.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            RunKind::Llm => ("llm.llm", "llm"),
            RunKind::ChatModel => ("chat_model.llm", "llm"),
            RunKind::Chain => ("chain.chain", "chain"),
            RunKind::Tool => ("tool.tool", "tool"),
            RunKind::Retriever => ("retriever.tool", "tool"),
            RunKind::Agent => ("agent.agent", "agent"),
        }
    }
}

/// Records runs that begin and end by call, possibly on different threads. Cheap to clone.
#[derive(Clone)]
pub struct CallbackHandler {
    start: StartRun,
    tags: Arc<[String]>,
    runs: Arc<PerProcess<Mutex<HashMap<String, Run>>>>,
}

/// A run under way.
struct Run {
    span: Span,
    /// The value of `agentops.span.kind`, which is part of other names.
    kind: &'static str,
}

impl std::fmt::Debug for CallbackHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackHandler").field("tags", &self.tags).finish_non_exhaustive()
    }
}

impl CallbackHandler {
    pub(crate) fn new(start: StartRun, tags: &[&str]) -> Self {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Self { start, tags, runs: Arc::default() }
    }

    /// A handler that records nothing.
    pub fn noop() -> Self {
        Self::new(Arc::new(|_, parent| Span::noop(parent.unwrap_or(&Context::default()))), &[])
    }

    fn with_runs<R>(&self, f: impl FnOnce(&mut HashMap<String, Run>) -> R) -> R {
        // Runs of a parent process are its own.
        f(&mut lock(self.runs.get(|_| Mutex::default())))
    }

    /// A run begins. Its span is a child of `parent_run_id`'s, else of what is current. A run identifier that is
    /// still open ends first.
    pub fn on_start(&self, kind: RunKind, run_id: &str, parent_run_id: Option<&str>, input: &str) {
        let parent =
            parent_run_id.and_then(|id| self.with_runs(|runs| runs.get(id).map(|run| run.span.context())));
        let (name, kind) = kind.names();
        let mut span = (self.start)(name, parent.as_ref());
        span.set_attribute("agentops.span.kind", kind);
        span.set_attribute_with(&format!("agentops.{kind}.input"), || AttrValue::from(input));
        if !self.tags.is_empty() {
            span.set_attribute("agentops.tags", &*self.tags);
        }
        drop(self.with_runs(|runs| runs.insert(run_id.to_owned(), Run { span, kind })));
    }

    /// A streamed piece of a run's output.
    pub fn on_new_token(&self, run_id: &str, token: &str) {
        self.with_runs(|runs| {
            if let Some(Run { span, .. }) = runs.get_mut(run_id) {
                span.add_event_with("new_token", &[("token", AttrValue::from(token))]);
            }
        });
    }

    /// A run ends well.
    pub fn on_end(&self, run_id: &str, output: &str) {
        if let Some(Run { mut span, kind }) = self.with_runs(|runs| runs.remove(run_id)) {
            span.set_attribute_with(&format!("agentops.{kind}.output"), || AttrValue::from(output));
            span.set_status(crate::span::StatusCode::Ok, "");
        }
    }

    /// A run fails.
    pub fn on_error(&self, run_id: &str, error: &str) {
        if let Some(Run { mut span, .. }) = self.with_runs(|runs| runs.remove(run_id)) {
            span.record_error_message(error);
        }
    }
}
