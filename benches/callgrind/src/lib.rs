//! Counts a program's instructions with valgrind's callgrind. Counts don't depend on how busy the machine is.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// glibc chooses its copying functions by processor; these settings choose the same ones on every x86-64.
/// (`rep movsb` would be counted byte by byte.)
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-EVEX,-ERMS,-FSRM:\
                        glibc.cpu.x86_rep_movsb_threshold=4000000000:glibc.cpu.x86_rep_stosb_threshold=4000000000";

/// Why there is no count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// valgrind is not there, or can't be run.
    #[error("valgrind can't be run ({0}): install the package valgrind")]
    Valgrind(#[source] io::Error),
    /// The program, or valgrind, failed.
    #[error("{program} failed under valgrind ({status}): {words}")]
    Program {
        /// What was run.
        program: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of what both wrote to standard error.
        words: String,
    },
    /// The file with the counts can't be read.
    #[error("callgrind's counts at {path} can't be read ({source})")]
    Counts {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file has no total, or the function was never called.
    #[error("callgrind counted nothing{}: was the function inlined or renamed?", within.as_deref().map(|name| format!(" within {name}")).unwrap_or_default())]
    Nothing {
        /// The function that was counted.
        within: Option<String>,
    },
}

/// Instructions of one run of `program`: of all its threads, or only while a thread is `within` the function of that name.
pub fn count(program: &Path, arguments: &[String], within: Option<&str>) -> Result<u64, Error> {
    let folder = tempfile::tempdir().map_err(Error::Valgrind)?;
    let path = folder.path().join("counts");
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", path.display()));
    if let Some(function) = within {
        command.arg(format!("--toggle-collect={function}"));
    }
    command.arg(program).args(arguments).env("GLIBC_TUNABLES", TUNABLES);
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().map_err(Error::Valgrind)?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last: Vec<_> = words.lines().rev().take(5).collect();
        let words = last.into_iter().rev().collect::<Vec<_>>().join("; ");
        return Err(Error::Program { program: program.to_owned(), status: output.status, words });
    }
    let counts =
        std::fs::read_to_string(&path).map_err(|source| Error::Counts { path: path.clone(), source })?;
    total(&counts).ok_or_else(|| Error::Nothing { within: within.map(str::to_owned) })
}

/// The total of a file of counts; `None` when there is none or it is zero.
fn total(counts: &str) -> Option<u64> {
    let line = counts.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.split_whitespace().next()?.parse().ok().filter(|total| *total > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_and_nothing_is_not_a_total() {
        assert_eq!(total("version: 1\nevents: Ir\nfn=(1) main\n1 5\ntotals: 12345\n"), Some(12345));
        assert_eq!(total("events: Ir\ntotals: 0\n"), None);
        assert_eq!(total("events: Ir\nsummary: 7\n"), None);
    }
}
