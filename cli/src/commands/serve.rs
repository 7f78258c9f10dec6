//! `serve`: the trace server, until Ctrl-C.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use tracer_factory::agent_session::{Ready, ServerConfig, announce, serve_blocking};

use super::CommandError;

/// Run the trace server: OTLP over HTTP in, traces out.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The loopback address to listen on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value_t = ServerConfig::default().listen)]
    listen: SocketAddr,
    /// Bytes of spans to keep; the oldest traces go first.
    #[arg(long, value_name = "BYTES", default_value_t = ServerConfig::default().max_bytes)]
    max_bytes: usize,
    /// A file to write the server's URL into once spans can be sent.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), CommandError> {
    let mut config = ServerConfig::new(arguments.listen);
    config.max_bytes = arguments.max_bytes;
    let mut told = Ok(());
    serve_blocking(config, |ready| told = tell(&ready, arguments.ready_file))?;
    told
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
