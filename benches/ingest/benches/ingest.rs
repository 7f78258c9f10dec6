//! How fast a trace server takes spans over OTLP/HTTP, and answers afterwards: ours in memory, ours on disk, Jaeger v2 in memory.
//!
//! `cargo bench -p tracer-factory-ingest -- [--seconds N] [--connections N] [--only memory|disk|jaeger]`. Server and load generator
//! share the machine; CPU and memory are the server's alone, which is a process of its own.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its results")]

#[path = "ingest/bodies.rs"]
mod bodies;
#[path = "ingest/load.rs"]
mod load;
#[path = "ingest/process.rs"]
mod process;
#[path = "ingest/questions.rs"]
mod questions;

use std::error::Error;
use std::time::Duration;

use bodies::{Bodies, SPANS};
use process::{Descendants, Server};
use tracer_factory_testkit::servers::Jaeger;

type Failed = Box<dyn Error>;

/// Spans that are there when questions are asked.
const ASKED_SPANS: usize = 1_000_000;

struct Options {
    seconds: u64,
    connections: usize,
    only: Option<String>,
}

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options { seconds: 5, connections: 4, only: None };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} takes a value"));
        match argument.as_str() {
            process::SERVE => return process::serve(&value()?),
            "--seconds" => options.seconds = value()?.parse()?,
            "--connections" => options.connections = value()?.parse()?,
            "--only" => options.only = Some(value()?),
            // What cargo adds.
            "--bench" => {}
            other => return Err(format!("{other} is no option").into()),
        }
    }
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if wanted("memory") {
            ours("memory", &options).await?;
        }
        if wanted("disk") {
            ours("disk", &options).await?;
        }
        if wanted("jaeger") {
            match Jaeger::start() {
                Ok(jaeger) => {
                    let url = jaeger.otlp_http();
                    measure("jaeger", &url, &options).await?;
                }
                Err(error) => println!("jaeger: not measured: {error}"),
            }
        }
        Ok(())
    })
}

async fn ours(name: &str, options: &Options) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let place = |part: &str| if name == "memory" { "memory".into() } else { directory.path().join(part) };
    {
        let server = Server::start(&place("load"))?;
        measure(name, server.url(), options).await?;
    }
    // Another one, so that exactly so many spans are there.
    let mut bodies = Bodies::new();
    {
        let server = Server::start(&place("questions"))?;
        load::send(server.url(), &mut bodies, options.connections, ASKED_SPANS.div_ceil(SPANS)).await?;
        questions::ask(name, server.url(), bodies.last_trace()).await?;
    }
    if name == "disk" {
        let server = Server::start(&place("questions"))?;
        questions::ask("disk, started again", server.url(), bodies.last_trace()).await?;
    }
    Ok(())
}

/// Full speed for some seconds.
async fn measure(name: &str, url: &str, options: &Options) -> Result<(), Failed> {
    let mut bodies = Bodies::new();
    // Connections, memory and caches are warm before the clock starts.
    load::send(url, &mut bodies, options.connections, 100).await?;
    let before = Descendants::now()?;
    let duration = Duration::from_secs(options.seconds);
    let run = load::run(url, &mut bodies, options.connections, duration).await?;
    let after = Descendants::now()?;
    let seconds = run.took.as_secs_f64();
    println!(
        "{name}: {:.0} spans/s ({} requests of {SPANS} spans in {seconds:.1} s, {:.0} MB/s), server CPU {:.2} cores, \
         RSS {:.0} MB (peak {:.0} MB), slowest answer {:.0} ms",
        (run.requests * SPANS) as f64 / seconds,
        run.requests,
        run.bytes as f64 / seconds / 1e6,
        (after.cpu_seconds - before.cpu_seconds) / seconds,
        after.rss_mb,
        after.peak_rss_mb,
        run.slowest.as_secs_f64() * 1e3,
    );
    Ok(())
}
