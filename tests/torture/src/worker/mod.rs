//! The worker: a process that traces as any other would, does what it is told on its standard input, and is killed,
//! starved and cut off by the bars.

mod command;
pub mod figures;
mod fork;
pub mod latency;
mod load;
mod panics;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tracer_factory::{BaseTracer, TracerFactory, current_tracer, get_tracer_from_env};

use command::Command;
use figures::{Figures, Torn};
pub use fork::Forked;
pub use load::{Done, acknowledgement_file};
pub use panics::Panicked;

/// The argument that makes the torture program a worker.
pub const WORD: &str = "worker";

/// What a worker says first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Its process.
    pub pid: u32,
    /// Why it has no tracer of its own, when it has none.
    pub error: Option<String>,
}

/// The worker's life.
pub fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say("failed", &format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (tracer, error) = match get_tracer_from_env() {
        Ok(tracer) => (tracer, None),
        // A worker goes on without traces.
        Err(error) => (current_tracer(), Some(error.to_string())),
    };
    let error = error.or_else(|| tracer.init_worker(0).err().map(|error| error.to_string()));
    say("ready", &Ready { pid: std::process::id(), error });
    let mut loads = load::Loads::default();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let command = Command::parse(&line)?;
        match command.word {
            "load" => {
                loads.start(&tracer, &command)?;
                say("loading", &());
            }
            "wait" => say("loaded", &loads.wait()),
            "stop" => say("loaded", &loads.stop()),
            "report" => say("report", &Figures::of(&tracer.report())),
            "flush" => {
                let limit = Duration::from_millis(command.number("ms")?);
                say("report", &Figures::of(&tracer.flush(limit)));
            }
            "teardown" => say("torn", &teardown(&tracer)),
            "measure" => say("measured", &latency::measure(&*tracer, command.number("spans")?)),
            "marked" => {
                let gap = Duration::from_micros(command.number("gap")?);
                say("marked", &latency::marked(&*tracer, command.number("spans")?, gap));
            }
            "durations" => say("durations", &durations(&*tracer)),
            "now" => say("now", &now()),
            "cpu" => say("cpu", &cpu_nanos()),
            "megabyte" => say("megabyte", &megabyte(command.text("name").unwrap_or_default())),
            "fork" => say("forked", &fork::fork(&tracer, &command)?),
            "panics" => say("panicked", &panics::panics(command.number("times")?)?),
            "end" => break,
            other => bail!("unknown command `{other}`"),
        }
    }
    Ok(())
}

/// One line for whoever started this process. Nobody left to hear it is no reason to fail.
fn say(word: &str, value: &impl Serialize) {
    let value = serde_json::to_string(value).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{word} {value}");
    let _ = out.flush();
}

fn teardown(tracer: &Arc<dyn BaseTracer>) -> Torn {
    let begin = Instant::now();
    let report = tracer.teardown();
    Torn { seconds: begin.elapsed().as_secs_f64(), report: Figures::of(&report) }
}

/// The shortest and the longest duration of spans that take no time worth speaking of, in nanoseconds.
fn durations(tracer: &dyn BaseTracer) -> (i64, i64) {
    let (mut shortest, mut longest) = (i64::MAX, i64::MIN);
    for _ in 0..1000 {
        let scope = tracer.trace_context("timed");
        drop(tracer.trace_context("inner"));
        for span in &scope.finish().spans {
            // Signed: what went backwards must not look like a very long time, or like none.
            let took = span.end_unix_nanos.wrapping_sub(span.start_unix_nanos).cast_signed();
            (shortest, longest) = (shortest.min(took), longest.max(took));
        }
    }
    (shortest, longest)
}

/// Time on a processor of every thread that this process has or had.
fn cpu_nanos() -> u64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The wall's clock, in seconds.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

/// Why a variable with a megabyte in it is refused, if it is; the tracer that it makes otherwise works.
fn megabyte(name: &str) -> Option<String> {
    let variables = [
        ("TRACER_TYPE", "otlp".to_owned()),
        ("TRACER_SPOOL_DIR", "off".to_owned()),
        // Where nobody ever listens.
        ("OTLP_ENDPOINT", "http://127.0.0.1:1".to_owned()),
        ("TRACER_SHUTDOWN_TIMEOUT", "1ms".to_owned()),
        (name, "x".repeat(1 << 20)),
    ];
    match TracerFactory::create_tracer_from(&variables.into_iter().collect()) {
        Ok(tracer) => {
            load::record(&*tracer, 0);
            tracer.teardown();
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

/// A worker's own way to its files.
fn path(text: &str) -> &Path {
    Path::new(text)
}

/// With a number at its end.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
