//! The commands and what can go wrong in them.

mod demo;
mod explain;
mod replay;
mod serve;
mod triplets;

use std::io;
use std::path::PathBuf;

use clap::Subcommand;
use tracer_factory::ConfigError;
use tracer_factory::agent_session::ServerError;

use crate::demo::DemoError;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Explain(explain::Arguments),
    Replay(replay::Arguments),
    Triplets(triplets::Arguments),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Demo(arguments) => demo::run(&arguments),
            Self::Serve(arguments) => serve::run(arguments),
            Self::Explain(arguments) => explain::run(&arguments),
            Self::Replay(arguments) => replay::run(&arguments),
            Self::Triplets(arguments) => triplets::run(arguments),
        }
    }
}

/// Why a command failed, in words for its user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Server(#[from] ServerError),
    #[error("{0}")]
    Demo(#[from] DemoError),
    #[error("the ready file {} can't be written: {source}", .path.display())]
    ReadyFile { path: PathBuf, source: io::Error },
    #[error("{} is not a directory", .0.display())]
    NoDirectory(PathBuf),
    #[error("not everything was replayed: {0}")]
    NotReplayed(String),
    #[error("{0}")]
    Triplets(#[from] triplets::TripletsError),
    #[error("standard output can't be written: {0}")]
    Output(#[from] io::Error),
}

impl CommandError {
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let error = match self {
            Self::Output(error) | Self::Demo(DemoError::Output(error)) => error,
            _ => return false,
        };
        error.kind() == io::ErrorKind::BrokenPipe
    }
}
