//! A worker that records one span and sends it wherever `TRACER_TYPE` says.
//!
//! ```text
//! TRACER_TYPE=console cargo run --example quickstart
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]

use tracer_factory::get_tracer_from_env;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tracer = get_tracer_from_env()?;
    tracer.init_worker(0)?;
    let scope = tracer.trace_context("my_operation");
    scope.set_attribute("user_id", 12345);
    tracer.add_span_event("half_way", &[("items", 100.into())]);
    let trace_id = scope.trace_id();
    drop(scope);
    eprintln!("{}", tracer.teardown_worker(0));
    println!("trace_id={trace_id}");
    Ok(())
}
