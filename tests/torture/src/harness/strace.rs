//! System calls: which ones a thread makes, and making some of them fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Why system calls can't be looked at here, if they can't.
pub fn strace_missing() -> Option<String> {
    match Command::new("strace").args(["-o", "/dev/null", "true"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("strace ({})", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("strace ({error})")),
    }
}

/// What one thread asked of the system, between two marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    lines: Vec<String>,
}

impl Calls {
    /// Between the last two such marks of a thread's trace, as `strace -ff` wrote it.
    pub fn last_between(trace: &Path, begin: &str, end: &str) -> Result<Self> {
        let text = std::fs::read_to_string(trace).with_context(|| trace.display().to_string())?;
        let lines: Vec<_> = text.lines().collect();
        let mark =
            |mark: &str| lines.iter().rposition(|line| line.contains(mark)).with_context(|| mark.to_owned());
        let (begin, end) = (mark(begin)?, mark(end)?);
        Ok(Self { lines: lines[begin + 1..end].iter().map(|line| (*line).to_owned()).collect() })
    }

    /// Those that could wait for somebody else. `eventfds` are descriptors whose writes never do.
    pub fn blocking(&self) -> Vec<&str> {
        self.lines.iter().map(String::as_str).filter(|line| !never_blocks(line)).collect()
    }

    /// How often each was made.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line.split('(').next().unwrap_or_default()).or_default() += 1;
        }
        counts
    }
}

/// Calls that return at once whatever the disk, the network or another thread does.
fn never_blocks(line: &str) -> bool {
    let wakes = line.starts_with("futex(") && line.contains("FUTEX_WAKE");
    // Eight bytes into an eventfd that nobody reads block only at 2^64; tokio's are O_NONBLOCK besides.
    let event =
        line.starts_with("write(") && line.contains("<anon_inode:[eventfd]>") || line.contains("[eventfd");
    let memory =
        ["brk(", "mmap(NULL", "munmap(", "madvise(", "mprotect("].iter().any(|call| line.starts_with(call));
    let own = ["clock_gettime(", "getrandom(", "sched_yield(", "rt_sigprocmask(", "gettid("];
    wakes || event || memory || own.iter().any(|call| line.starts_with(call))
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
        let begin = Instant::now();
        while !traced(pid)? {
            if let Some(status) = injection.strace.try_wait()? {
                bail!("strace can't attach: {status}");
            }
            if begin.elapsed() > Duration::from_secs(10) {
                bail!("strace does not attach");
            }
            std::thread::yield_now();
        }
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
        ] {
            assert!(!never_blocks(waits), "{waits}");
        }
    }

    #[test]
    fn only_what_is_between_the_marks_counts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "read(0) = 1\nstat(\"/a\")\nfutex(1, FUTEX_WAKE)\nfsync(3)\nstat(\"/b\")\nread(0)",
        )
        .unwrap();
        let calls = Calls::last_between(file.path(), "/a", "/b").unwrap();
        assert_eq!(calls.counts(), BTreeMap::from([("futex", 1), ("fsync", 1)]));
        assert_eq!(calls.blocking(), ["fsync(3)"]);
        assert!(Calls::last_between(file.path(), "/a", "/c").is_err());
    }
}
