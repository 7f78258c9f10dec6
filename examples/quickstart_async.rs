//! The quickstart inside a tokio runtime: the span goes with the future, from thread to thread.
//!
//! ```text
//! TRACER_TYPE=console cargo run --example quickstart_async
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]

use tracer_factory::{BaseTracer, Span, TraceFuture, get_tracer_from_env};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tracer = get_tracer_from_env()?;
    tracer.init_worker(0)?;
    let span = Span::start(&*tracer, "my_operation");
    let trace_id = span.trace_id();
    work(&*tracer).in_span(span).await;
    eprintln!("{}", tracer.teardown_worker(0));
    println!("trace_id={trace_id}");
    Ok(())
}

async fn work(tracer: &dyn BaseTracer) {
    tracer.add_span_attribute("user_id", 12345.into());
    tokio::task::yield_now().await;
    tracer.add_span_event("half_way", &[("items", 100.into())]);
}
