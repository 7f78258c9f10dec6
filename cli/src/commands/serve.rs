//! `serve`: the trace server, until Ctrl-C.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracer_factory::agent_session::{Ready, ServerConfig, announce, serve_blocking};
use tracer_factory::env::{environment, server_directory};

use super::CommandError;

/// Run the trace server: OTLP over HTTP in, traces out.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The loopback address to listen on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value_t = ServerConfig::default().listen)]
    listen: SocketAddr,
    /// The directory to keep traces in, or `memory`; else TRACER_SERVER_DATA, else the user's directory for state.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Bytes of spans to keep; the oldest go first.
    #[arg(long, value_name = "BYTES", default_value_t = ServerConfig::default().max_bytes)]
    max_bytes: usize,
    /// How long to keep spans, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = ServerConfig::default().max_age.as_secs())]
    max_age: u64,
    /// A file to write the server's URL into once spans can be sent.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), CommandError> {
    let mut config = ServerConfig::new(arguments.listen);
    config.data = directory(arguments.data);
    config.max_bytes = arguments.max_bytes;
    config.max_age = Duration::from_secs(arguments.max_age);
    let mut told = Ok(());
    serve_blocking(config, |ready| told = tell(&ready, arguments.ready_file))?;
    told
}

/// Where traces are kept; `None` is memory.
fn directory(argument: Option<PathBuf>) -> Option<PathBuf> {
    let variable =
        || environment().get("TRACER_SERVER_DATA").filter(|text| !text.is_empty()).map(PathBuf::from);
    match argument.or_else(variable) {
        Some(path) if path.as_os_str().eq_ignore_ascii_case("memory") => None,
        Some(path) => Some(path),
        None => server_directory(),
    }
}

fn tell(ready: &Ready, ready_file: Option<PathBuf>) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    if let Some(taken) = ready.instead_of {
        writeln!(out, "{taken} is taken by something else")?;
    }
    if ready.joined {
        writeln!(out, "a trace server runs already at {}", ready.url)?;
    } else {
        writeln!(out, "traces are taken at  {}/v1/traces", ready.url)?;
        writeln!(out, "and can be read at   {}/api/traces", ready.url)?;
        writeln!(out, "stop with Ctrl-C")?;
    }
    out.flush()?;
    match ready_file {
        Some(path) => announce(&path, &ready.url).map_err(|source| CommandError::ReadyFile { path, source }),
        None => Ok(()),
    }
}
