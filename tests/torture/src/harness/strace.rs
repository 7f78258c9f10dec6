//! System calls: which ones a thread makes, and making some of them fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::wait;

/// Longer than strace needs to attach to a process.
const ATTACH: Duration = Duration::from_secs(10);

/// Why system calls can't be looked at here, if they can't.
pub fn strace_missing() -> Option<String> {
    match Command::new("strace").args(["-o", "/dev/null", "true"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("strace ({})", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("strace ({error})")),
    }
}

/// What one thread asked of the system, between two marks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls {
    /// When, in seconds, and what.
    lines: Vec<(f64, String)>,
}

/// Time that a thread gave away, in the hope that another one gets on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waits {
    /// Calls of `sched_yield`.
    pub yields: usize,
    /// How often it began to wait.
    pub times: usize,
    /// The longest wait, in seconds.
    pub longest: f64,
}

impl Calls {
    /// Between the last two such marks of a thread's trace, as `strace -ff -ttt` wrote it.
    pub fn last_between(trace: &Path, begin: &str, end: &str) -> Result<Self> {
        let text = std::fs::read_to_string(trace).with_context(|| trace.display().to_string())?;
        let lines: Vec<_> = text.lines().collect();
        let mark =
            |mark: &str| lines.iter().rposition(|line| line.contains(mark)).with_context(|| mark.to_owned());
        let (begin, end) = (mark(begin)?, mark(end)?);
        let between = lines.get(begin + 1..end).context("the marks are in the wrong order")?;
        Ok(Self { lines: between.iter().map(|line| timed(line)).collect::<Result<_>>()? })
    }

    /// Those that could wait for somebody else, but for `sched_yield`, which [`Calls::waits`] is about.
    pub fn blocking(&self) -> Vec<&str> {
        let calls = self.lines.iter().map(|(_, call)| call.as_str());
        calls.filter(|call| !never_blocks(call) && !yields(call)).collect()
    }

    /// Runs of `sched_yield`: a thread that calls it in a loop waits, whatever each call does.
    pub fn waits(&self) -> Waits {
        let mut waits = Waits::default();
        let mut since = None;
        for (at, call) in &self.lines {
            if !yields(call) {
                since = None;
                continue;
            }
            waits.yields += 1;
            waits.times += usize::from(since.is_none());
            waits.longest = waits.longest.max(at - *since.get_or_insert(*at));
        }
        waits
    }

    /// How often each was made.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (_, call) in &self.lines {
            *counts.entry(call.split('(').next().unwrap_or_default()).or_default() += 1;
        }
        counts
    }
}

/// `1763748000.123456 futex(…) = 1`
fn timed(line: &str) -> Result<(f64, String)> {
    let (at, call) = line.split_once(' ').with_context(|| format!("no time in `{line}`"))?;
    Ok((at.parse().with_context(|| format!("no time in `{line}`"))?, call.to_owned()))
}

fn yields(call: &str) -> bool {
    call.starts_with("sched_yield(")
}

/// Calls that return at once whatever the disk, the network or another thread does.
fn never_blocks(call: &str) -> bool {
    let wakes = call.starts_with("futex(") && call.contains("FUTEX_WAKE");
    // Eight bytes into an eventfd that nobody reads block only at 2^64; tokio's are O_NONBLOCK besides.
    let event = call.starts_with("write(") && call.contains("[eventfd");
    let memory =
        ["brk(", "mmap(NULL", "munmap(", "madvise(", "mprotect("].iter().any(|name| call.starts_with(name));
    let own = ["clock_gettime(", "getrandom(", "rt_sigprocmask(", "gettid("];
    wakes || event || memory || own.iter().any(|name| call.starts_with(name))
}

/// Calls of a process that fail while this lives.
#[derive(Debug)]
pub struct Injection {
    strace: Child,
}

impl Injection {
    /// `calls` of process `pid` on these files return `error`, whether the files exist yet or not.
    pub fn start(pid: u32, calls: &str, error: &str, files: &[impl AsRef<Path>], log: &Path) -> Result<Self> {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &pid.to_string(), "-o"]).arg(log);
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={error}")]);
        for file in files {
            command.arg("-P").arg(file.as_ref());
        }
        let strace = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut injection = Self { strace };
        let attached = wait::until(ATTACH, || {
            if let Some(status) = injection.strace.try_wait()? {
                bail!("strace can't attach: {status}");
            }
            Ok(traced(pid)?.then_some(()))
        })?;
        attached.context("strace does not attach")?;
        Ok(injection)
    }

    /// Everything works again.
    pub fn end(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.strace);
        rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        self.strace.wait()?;
        Ok(())
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

/// Whether each thread of a process is.
fn traced(pid: u32) -> Result<bool> {
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(status) = std::fs::read_to_string(task?.path().join("status")) else { continue };
        if status.contains("TracerPid:\t0\n") {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_wait_are_told_from_those_that_do_not() {
        for harmless in [
            "futex(0x7f, FUTEX_WAKE_PRIVATE, 1) = 1",
            "write(5<anon_inode:[eventfd]>, \"\\1\\0\", 8) = 8",
            "madvise(0x7f, 4096, MADV_DONTNEED) = 0",
        ] {
            assert!(never_blocks(harmless), "{harmless}");
        }
        for waits in [
            "futex(0x7f, FUTEX_WAIT_BITSET_PRIVATE, 1, NULL) = 0",
            "write(5</tmp/spool/ring>, \"\\1\\0\", 8) = 8",
            "fsync(7</tmp/x>) = 0",
            "clock_nanosleep(CLOCK_MONOTONIC, 0, {tv_sec=0, tv_nsec=100}, NULL) = 0",
            "sendto(9<TCP:[1]>, \"x\", 1, 0, NULL, 0) = 1",
            "sched_yield() = 0",
        ] {
            assert!(!never_blocks(waits), "{waits}");
        }
    }

    #[test]
    fn only_what_is_between_the_marks_counts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "1.0 read(0) = 1\n1.1 stat(\"/a\")\n1.2 futex(1, FUTEX_WAKE)\n1.3 fsync(3)\n1.4 stat(\"/b\")\n1.5 read(0)",
        )
        .unwrap();
        let calls = Calls::last_between(file.path(), "/a", "/b").unwrap();
        assert_eq!(calls.counts(), BTreeMap::from([("futex", 1), ("fsync", 1)]));
        assert_eq!(calls.blocking(), ["fsync(3)"]);
        assert_eq!(calls.waits(), Waits::default());
        assert!(Calls::last_between(file.path(), "/a", "/c").is_err());
        assert!(Calls::last_between(file.path(), "/b", "/a").is_err());
    }

    #[test]
    fn a_loop_of_yields_is_a_wait() {
        let call = |at: f64, name: &str| (at, format!("{name}() = 0"));
        let lines = vec![
            call(1.0, "sched_yield"),
            call(1.25, "sched_yield"),
            call(1.5, "gettid"),
            call(2.0, "sched_yield"),
            call(2.5, "sched_yield"),
        ];
        let calls = Calls { lines };
        assert_eq!(calls.waits(), Waits { yields: 4, times: 2, longest: 0.5 });
        assert!(calls.blocking().is_empty());
    }
}
