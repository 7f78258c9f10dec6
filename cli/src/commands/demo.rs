//! `demo`: three services, requests, and their traces as trees.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::runtime;
use tracer_factory::agent_session::ServerConfig;

use super::CommandError;
use crate::demo::{Demo, DemoError, Ports};
use crate::stop_signal::StopSignal;
use crate::terminal;

/// Run three services that call each other over HTTP, and see their traces.
///
/// Spans always go to the demo's own embedded trace server, whatever TRACER_TYPE says.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Send each request once, print the traces and exit.
    #[arg(long)]
    once: bool,
    /// The gateway's port; the other services take the two that follow. 0 lets the system choose all ports.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u16).range(..=65533))]
    port: u16,
}

impl Arguments {
    fn ports(&self) -> Ports {
        let usual = ServerConfig::default().listen;
        let server = if self.port == 0 { SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) } else { usual };
        Ports { gateway: self.port, server }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(runtime.block_on(show(arguments))?)
}

async fn show(arguments: &Arguments) -> Result<(), DemoError> {
    // Before anything is printed, so that no signal is missed.
    let signal = StopSignal::listen()?;
    let mut demo = Demo::start(arguments.ports(), io::stdout(), terminal::style()).await?;
    let shown = async {
        demo.rounds().await?;
        if arguments.once { Ok(()) } else { demo.follow().await }
    };
    let result = tokio::select! {
        result = shown => result,
        () = signal.received() => if arguments.once { Err(DemoError::Interrupted) } else { Ok(()) },
    };
    demo.stop().await;
    result
}
