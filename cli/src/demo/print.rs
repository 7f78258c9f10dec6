//! What the demo says.

use std::io::{self, Write};

use axum::http::StatusCode;
use serde_json::Value;
use tracer_factory::console::{Style, render};
use tracer_factory::{SpanData, TraceId};

use super::DemoError;
use super::rounds::Round;
use super::services::{Address, Services};

pub(super) struct Printer<W> {
    out: W,
    style: Style,
    server: String,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, style: Style, server: &str) -> Self {
        Self { out, style, server: server.to_owned() }
    }

    pub(super) fn services(&mut self, services: &Services) -> io::Result<()> {
        writeln!(self.out, "Three services, each with a tracer of its own:")?;
        for address in [&services.gateway, &services.user, &services.llm] {
            self.service(address)?;
        }
        writeln!(self.out, "Their traces go to the embedded trace server: {}", self.server)?;
        writeln!(self.out, "The model is a local stand-in that needs no key and no network.")?;
        self.out.flush()
    }

    fn service(&mut self, address: &Address) -> io::Result<()> {
        write!(self.out, "  {:<13} POST {}", address.service, address.url())?;
        if let Some(port) = address.instead_of {
            write!(self.out, "  (port {port} is taken)")?;
        }
        writeln!(self.out)
    }

    pub(super) fn exchange(&mut self, round: &Round, status: StatusCode, answer: &Value) -> io::Result<()> {
        let (user, query) = (Value::from(round.user_id), Value::from(round.query));
        writeln!(self.out, "\n{}: {{\"user_id\": {user}, \"query\": {query}}}", round.title)?;
        writeln!(self.out, "{} {answer}", status.as_u16())
    }

    /// The trace as the server gave it, and where to see it again.
    pub(super) fn trace(&mut self, id: TraceId, spans: Option<&[SpanData]>) -> io::Result<()> {
        match spans {
            Some(spans) => {
                write!(self.out, "\n{}", render(spans, self.style))?;
                writeln!(self.out, "{}/api/traces/{id}", self.server)?;
            }
            None => writeln!(self.out, "\ntrace {id} was not recorded: its caller said so in a header")?,
        }
        self.out.flush()
    }

    pub(super) fn unreadable(&mut self, id: TraceId, error: &DemoError) -> io::Result<()> {
        writeln!(self.out, "\ntrace {id}: {error}")?;
        self.out.flush()
    }

    /// Traces that ended faster than they could be printed.
    pub(super) fn missed(&mut self, missed: u64) -> io::Result<()> {
        if missed > 0 {
            writeln!(self.out, "\nand {missed} more: {}/api/traces", self.server)?;
        }
        self.out.flush()
    }

    /// How to go on, and how to stop.
    pub(super) fn your_turn(&mut self, gateway: &Address) -> io::Result<()> {
        let example = r#"{"user_id": "user_123", "query": "Explain distributed tracing"}"#;
        writeln!(self.out, "\nYour turn; each trace is printed here as it ends:")?;
        writeln!(
            self.out,
            "  curl -X POST {} -H 'Content-Type: application/json' -d '{example}'",
            gateway.url()
        )?;
        writeln!(self.out, "All traces: {}/api/traces", self.server)?;
        writeln!(self.out, "Stop with Ctrl-C.")?;
        self.out.flush()
    }
}
