//! A worker process from outside: what it is told, what it says, and how it is killed.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::de::DeserializeOwned;

use super::{Bench, Setup};
use crate::worker::figures::{Figures, Torn};
use crate::worker::{Done, Ready, WORD};

/// Longer than anything takes that ends at all.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running worker; killed when dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    ready: Ready,
    files: tempfile::TempDir,
}

/// What a worker is to record.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Spans a second of all threads; 0 is as fast as they can.
    pub rate: u64,
    /// How many in all; without, until it is stopped.
    pub spans: Option<u64>,
    /// How many threads.
    pub threads: u64,
    /// Spans after which each thread ends and another one takes its place; 0 is never.
    pub life: u64,
    /// Bytes of an attribute of every fourth span.
    pub prompt: u64,
    /// Tells of each span that has ended, in portions of so many.
    pub acknowledged_in: Option<u64>,
}

/// What a killed worker leaves.
#[derive(Debug)]
pub struct Dead {
    /// Each identifier of a span that had ended, as far as the worker could tell anyone.
    pub acknowledged: Vec<u64>,
    /// What it wrote to its log.
    pub log: String,
}

impl Worker {
    /// Starts one and waits until it has a tracer.
    pub fn start(bench: &Bench, setup: &Setup) -> Result<Self> {
        let files = tempfile::tempdir()?;
        let program = bench.program.as_os_str();
        let words: Vec<_> = setup.wrapper.iter().map(|word| word.as_os_str()).chain([program]).collect();
        let (first, rest) = words.split_first().context("a program")?;
        let mut command = Command::new(first);
        command
            .args(rest)
            .arg(WORD)
            .env_clear()
            .envs(setup.variables.iter().map(|(name, value)| (name, value)));
        // Programs around the worker are looked for.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(files.path().join("log"))?);
        let mut child = command.spawn().with_context(|| format!("{command:?} can't be started"))?;
        let stdin = child.stdin.take().context("a pipe to the worker")?;
        let stdout = child.stdout.take().context("a pipe from the worker")?;
        let (say, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if say.send(line).is_err() {
                    break;
                }
            }
        });
        let ready = Ready { pid: child.id(), error: None };
        let mut worker = Self { child, stdin, lines, ready, files };
        worker.ready = worker.answer("ready")?;
        Ok(worker)
    }

    /// The worker's own process, also where another program started it.
    pub fn pid(&self) -> u32 {
        self.ready.pid
    }

    /// Why it has no tracer, when it has none.
    pub fn refusal(&self) -> Option<&str> {
        self.ready.error.as_deref()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.files.path().join("log")).unwrap_or_default()
    }

    /// Where its load acknowledges spans.
    fn acknowledgements(&self) -> PathBuf {
        self.files.path().join("acknowledged")
    }

    /// Sends a command whose answer is a line that begins with `word`.
    pub fn ask<T: DeserializeOwned>(&mut self, command: &str, word: &str) -> Result<T> {
        self.tell(command)?;
        self.answer(word)
    }

    /// Sends a command.
    pub fn tell(&mut self, command: &str) -> Result<()> {
        writeln!(self.stdin, "{command}").with_context(|| format!("the worker is gone: {}", self.log()))
    }

    /// The next line, which begins with `word`.
    pub fn answer<T: DeserializeOwned>(&mut self, word: &str) -> Result<T> {
        let line = self.lines.recv_timeout(PATIENCE).map_err(|_| {
            let status = self.child.try_wait();
            anyhow!("the worker said nothing ({status:?}) where `{word}` was expected: {}", self.log())
        })?;
        let value = line.strip_prefix(word).ok_or_else(|| anyhow!("`{word}` was expected, not: {line}"))?;
        serde_json::from_str(value).with_context(|| format!("an answer that can't be read: {line}"))
    }

    /// Records in the background, `spans` in all or until it is stopped. A rate of 0 is as fast as it can.
    pub fn load(&mut self, rate: u64, spans: Option<u64>, threads: u64) -> Result<()> {
        self.start_load(&Load { rate, spans, threads, ..Load::default() })
    }

    /// The same of any kind of load.
    pub fn start_load(&mut self, load: &Load) -> Result<()> {
        let Load { rate, spans, threads, life, prompt, acknowledged_in } = load;
        let spans = spans.unwrap_or(u64::MAX);
        let mut command =
            format!("load rate={rate} spans={spans} threads={threads} life={life} prompt={prompt}");
        if let Some(portion) = acknowledged_in {
            command += &format!(" portion={portion} acknowledge={}", self.acknowledgements().display());
        }
        self.ask::<()>(&command, "loading")
    }

    /// Waits for the end of the load.
    pub fn loaded(&mut self) -> Result<Done> {
        self.ask("wait", "loaded")
    }

    /// Ends the load.
    pub fn stop_load(&mut self) -> Result<Done> {
        self.ask("stop", "loaded")
    }

    /// The tracer's report.
    pub fn report(&mut self) -> Result<Figures> {
        self.ask("report", "report")
    }

    /// A flush, and the report after it.
    pub fn flush(&mut self, limit: Duration) -> Result<Figures> {
        self.ask(&format!("flush ms={}", limit.as_millis()), "report")
    }

    /// Time on a processor of every thread that it has or had.
    pub fn cpu(&mut self) -> Result<Duration> {
        Ok(Duration::from_nanos(self.ask("cpu", "cpu")?))
    }

    /// Tears the tracer down; the process stays.
    pub fn teardown(&mut self) -> Result<Torn> {
        self.ask("teardown", "torn")
    }

    /// Ends the process, which must go well.
    pub fn end(mut self) -> Result<()> {
        self.tell("end")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the worker ended with {status}: {}", self.log());
        }
        Ok(())
    }

    /// kill -9
    pub fn kill(mut self) -> Result<Dead> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(Dead { acknowledged: acknowledged(&self.acknowledgements())?, log: self.log() })
    }

    /// Where it may keep files for as long as it lives.
    pub fn files(&self) -> &Path {
        self.files.path()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every identifier in the files that begin with this path: one for each thread.
fn acknowledged(path: &Path) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for thread in 0.. {
        let Ok(bytes) = std::fs::read(crate::worker::acknowledgement_file(path, thread)) else { break };
        found.extend(bytes.chunks_exact(8).filter_map(|id| Some(u64::from_be_bytes(id.try_into().ok()?))));
    }
    Ok(found)
}
