//! What can go wrong with a server, with the end of its log wherever there is one.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use thiserror::Error;

use crate::layout::Backend;

/// Why a server did not start. Its `Debug` is its `Display`, so that a failing `unwrap` says what to
/// do and shows the log with its lines.
#[derive(Error)]
#[non_exhaustive]
pub enum StartError {
    /// The environment names no folder for the cache.
    #[error("there is no cache: TF_TEST_CACHE, XDG_CACHE_HOME and HOME are unset")]
    NoCache,
    /// The cache does not have it.
    #[error("{backend} is not in the cache: run `cargo xtask provision {backend}` (looked for {})", path.display())]
    NotProvisioned {
        /// Which one.
        backend: Backend,
        /// The file that would be run.
        path: PathBuf,
    },
    /// Something with the operating system.
    #[error("{backend}: cannot {action}")]
    Io {
        /// Which one.
        backend: Backend,
        /// What did not work.
        action: String,
        /// Why.
        source: io::Error,
    },
    /// Nearly all ports on loopback are taken.
    #[error("no free ports on loopback")]
    NoPorts,
    /// It ended by itself before it answered.
    #[error("{backend} ended before it was ready ({status})\n{log}")]
    Exited {
        /// Which one.
        backend: Backend,
        /// The server's exit code; 128 and the signal's number after a signal.
        status: ExitStatus,
        /// What it said.
        log: LogTail,
    },
    /// It runs and does not answer.
    #[error("{backend} was not ready within {within:?}: {last}\n{log}")]
    NotReady {
        /// Which one.
        backend: Backend,
        /// How long it had.
        within: Duration,
        /// What the last look at it gave.
        last: String,
        /// What it said.
        log: LogTail,
    },
}

/// A server does not show what a test waits for. Its `Debug` is its `Display`.
#[derive(Error)]
#[error("{backend} did not show {wanted} within {within:?}: {last}\n{log}")]
pub struct ReadError {
    /// Which one.
    pub backend: Backend,
    /// What was waited for.
    pub wanted: String,
    /// How long.
    pub within: Duration,
    /// What the last look gave.
    pub last: String,
    /// What the server said.
    pub log: LogTail,
}

/// The last lines of a server's log.
#[derive(Debug, Clone)]
pub struct LogTail {
    path: PathBuf,
    text: String,
}

impl LogTail {
    const LINES: usize = 40;

    pub(super) fn of(path: &Path) -> Self {
        let text = match fs::read(path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let lines: Vec<_> = text.lines().collect();
                lines[lines.len().saturating_sub(Self::LINES)..].join("\n")
            }
            Err(error) => format!("(unreadable: {error})"),
        };
        Self { path: path.to_owned(), text }
    }

    pub(super) fn says_port_taken(&self) -> bool {
        self.text.to_lowercase().contains("address already in use")
    }
}

impl fmt::Display for LogTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--- the end of {} ---\n{}\n---", self.path.display(), self.text)
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if let Self::Io { source, .. } = self {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
