//! The demo: a gateway, a user service and an LLM service over HTTP, each with a tracer of its own, whose spans form one
//! trace a request. What is printed was read back from the embedded trace server.

mod answer;
mod client;
mod finished;
mod gateway;
mod llm;
mod model;
mod print;
mod rounds;
mod service;
mod services;
#[cfg(test)]
mod tests;
mod traces;
mod user;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use tracer_factory::agent_session::{QueryError, ServerError};
use tracer_factory::console::Style;
use tracer_factory::{ConfigError, SpanData, TraceId};

use client::{CallError, JsonClient};
use finished::FinishedTraces;
use print::Printer;
use rounds::{ROUNDS, Round};
use services::Services;
use traces::Traces;

/// Why the demo did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("{0}")]
    Server(#[from] ServerError),
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{service} can't listen on port {port} of this machine: {source}")]
    Bind { service: &'static str, port: u16, source: io::Error },
    #[error("the demo's own request failed: {0}")]
    Call(#[from] CallError),
    #[error("the trace can't be read back: {0}")]
    Query(#[from] QueryError),
    #[error("not every span arrived at the embedded trace server: {report}")]
    Undelivered { report: String },
    #[error("{user_id}: {what}")]
    Wrong { user_id: &'static str, what: String },
    #[error("interrupted before the round was over")]
    Interrupted,
    #[error("standard output can't be written: {0}")]
    Output(#[from] io::Error),
}

/// Where the demo listens. 0 is any free port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// The gateway's; the other services have the two that follow.
    pub(crate) gateway: u16,
    pub(crate) server: SocketAddr,
}

/// Everything of the demo that runs.
pub(crate) struct Demo<W> {
    traces: Arc<Traces>,
    services: Services,
    finished: FinishedTraces,
    client: JsonClient,
    printer: Printer<W>,
    /// Traces that were printed with their request.
    printed: Vec<TraceId>,
}

impl<W: Write> Demo<W> {
    pub(crate) async fn start(ports: Ports, out: W, style: Style) -> Result<Self, DemoError> {
        let traces = Traces::start(ports.server)?;
        let (services, finished) = Services::start(ports.gateway, traces.tracers()).await?;
        let mut printer = Printer::new(out, style, traces.url());
        printer.services(&services)?;
        let (client, printed) = (JsonClient::new(), Vec::new());
        Ok(Self { traces: Arc::new(traces), services, finished, client, printer, printed })
    }

    /// Sends each request once and prints what came of it.
    pub(crate) async fn rounds(&mut self) -> Result<(), DemoError> {
        for round in &ROUNDS {
            self.round(round).await?;
        }
        Ok(())
    }

    async fn round(&mut self, round: &Round) -> Result<(), DemoError> {
        let wrong = |what| DemoError::Wrong { user_id: round.user_id, what };
        let gateway = self.services.gateway.url();
        let reply = self.client.post(&gateway, HeaderMap::new(), &round.body()).await?;
        self.printer.exchange(round, reply.status, &reply.body)?;
        let id = reply.headers.get(gateway::TRACE_ID_HEADER).and_then(|id| id.to_str().ok()?.parse().ok());
        let id: TraceId = id.ok_or_else(|| wrong("the answer names no trace".to_owned()))?;
        self.printed.push(id);
        let spans = self.read(id).await?;
        self.printer.trace(id, spans.as_deref())?;
        let problems = round.check_answer(reply.status, &reply.body).into_iter();
        let problems: Vec<_> = problems.chain(round.check_trace(&spans.unwrap_or_default())).collect();
        if problems.is_empty() { Ok(()) } else { Err(wrong(problems.join("; "))) }
    }

    /// Prints the traces of other people's requests, until there is no gateway.
    pub(crate) async fn follow(&mut self) -> Result<(), DemoError> {
        self.printer.your_turn(&self.services.gateway)?;
        while let Some(id) = self.finished.next().await {
            if let Some(known) = self.printed.iter().position(|printed| *printed == id) {
                self.printed.swap_remove(known);
                continue;
            }
            match self.read(id).await {
                Ok(spans) => self.printer.trace(id, spans.as_deref())?,
                Err(error) => self.printer.unreadable(id, &error)?,
            }
            self.printer.missed(self.finished.take_missed())?;
        }
        Ok(())
    }

    async fn read(&self, id: TraceId) -> Result<Option<Vec<SpanData>>, DemoError> {
        let traces = Arc::clone(&self.traces);
        blocking(move || traces.read(id)).await
    }

    /// Ends the services, then the tracers, then, with the last handle, the server.
    pub(crate) async fn stop(self) {
        self.services.stop().await;
        let traces = self.traces;
        blocking(move || traces.stop()).await;
    }
}

/// Runs what blocks where it holds nobody up. A panic goes on.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
