//! What a process takes of the machine, from `/proc`.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Memory at one moment, or the most of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident, all of it.
    pub rss: u64,
    /// Resident and not of a file: what a mapped ring is not part of.
    pub anonymous: u64,
}

impl Usage {
    fn max(self, other: Self) -> Self {
        Self { rss: self.rss.max(other.rss), anonymous: self.anonymous.max(other.anonymous) }
    }
}

/// The memory of a process now.
pub fn usage(pid: u32) -> Result<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let field = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
        let kib = line.trim_start_matches(':').trim().trim_end_matches(" kB");
        Ok(kib.parse::<u64>()? << 10)
    };
    Ok(Usage { rss: field("VmRSS")?, anonymous: field("RssAnon")? })
}

/// Time on a processor of all threads that a process has now.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
        // A thread may end in between.
        let Ok(stat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let first = stat.split(' ').next().unwrap_or_default();
        nanos += first.parse::<u64>().context("schedstat begins with a number")?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Looks at a process' memory again and again.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Usage>>,
}

impl Watch {
    /// Until [`Watch::most`] or the end of the process.
    pub fn start(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut most = Usage::default();
            while let (Ok(now), false) = (usage(pid), stopped.load(Relaxed)) {
                most = most.max(now);
                std::thread::sleep(Duration::from_millis(20));
            }
            most
        });
        Self { stop, thread: Some(thread) }
    }

    /// The most that was seen.
    pub fn most(mut self) -> Usage {
        self.stop.store(true, Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_can_look_at_itself() {
        let own = std::process::id();
        let before = cpu_time(own).unwrap();
        let watch = Watch::start(own);
        let memory = vec![1_u8; 64 << 20];
        let sum: u64 = memory.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(sum, 64 << 20);
        while usage(own).unwrap().anonymous < 64 << 20 {}
        let most = watch.most();
        assert!(most.rss >= most.anonymous && most.anonymous > 0, "{most:?}");
        assert!(cpu_time(own).unwrap() > before);
        drop(memory);
    }
}
