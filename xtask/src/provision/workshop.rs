//! Where a recipe is carried out: a folder of its own, its commands one at a time with their output
//! in a log, progress on standard error, and a way to call it off.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tracer_factory_testkit::layout::Backend;

/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How often a long command says that it is still at it.
const REPORT: Duration = Duration::from_secs(30);
/// Lines of the log in an error.
const TAIL: usize = 25;

/// What provisioning takes into account of its surroundings.
#[derive(Debug)]
pub(crate) struct Control {
    cancelled: AtomicBool,
    /// Let everything else go first.
    nice: bool,
}

impl Control {
    pub(crate) fn in_foreground() -> Self {
        Self { cancelled: AtomicBool::new(false), nice: false }
    }

    /// For provisioning beside tests, which have deadlines to keep.
    pub(crate) fn in_background() -> Self {
        Self { cancelled: AtomicBool::new(false), nice: cfg!(unix) }
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// An error once [`cancel`](Self::cancel) was called.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            bail!("called off");
        }
        Ok(())
    }
}

/// One line of progress.
pub(crate) fn say(backend: Backend, message: &str) {
    eprintln!("[provision {backend}] {message}");
}

pub(crate) struct Workshop<'a> {
    backend: Backend,
    dir: &'a Path,
    control: &'a Control,
}

impl<'a> Workshop<'a> {
    /// `dir` exists, is empty, and nobody else's.
    pub(crate) fn new(backend: Backend, dir: &'a Path, control: &'a Control) -> Self {
        Self { backend, dir, control }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file, with the folders on its way.
    pub(crate) fn write(&self, name: &str, contents: &str) -> Result<()> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        fs::rename(self.path(from), self.path(to)).with_context(|| format!("cannot rename {from} to {to}"))
    }

    pub(crate) fn remove_dir(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))
    }

    /// Runs `program` as `prepare` sets it up, in this folder unless that says otherwise.
    pub(crate) fn run(
        &self,
        title: &str,
        program: impl AsRef<Path>,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<()> {
        self.control.check()?;
        let program = program.as_ref();
        let log = self.path("build.log");
        let mut file =
            File::options().create(true).append(true).open(&log).context("cannot open build.log")?;

        let mut command = if self.control.nice {
            let mut command = Command::new("nice");
            command.args(["-n", "10"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.dir);
        prepare(&mut command);
        writeln!(file, "$ {command:?}")?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);

        say(self.backend, &format!("{title} ..."));
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        let status = self.wait(child, title, started)?;
        let seconds = started.elapsed().as_secs();
        if !status.success() {
            let tail = tail(&log)?;
            bail!("{title} failed after {seconds} s ({status}); the end of {}:\n{tail}", log.display());
        }
        say(self.backend, &format!("{title}: {seconds} s"));
        Ok(())
    }

    fn wait(&self, mut child: Child, title: &str, started: Instant) -> Result<ExitStatus> {
        let mut next_report = REPORT;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if let Err(cancelled) = self.control.check() {
                child.kill()?;
                child.wait()?;
                return Err(cancelled);
            }
            let elapsed = started.elapsed();
            if elapsed >= next_report {
                say(self.backend, &format!("{title} ... {} s so far", elapsed.as_secs()));
                next_report += REPORT;
            }
            thread::sleep(POLL);
        }
    }
}

fn tail(log: &Path) -> Result<String> {
    let bytes = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL);
    Ok(lines[from..].join("\n"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(dir: &Path, control: &Control, script: &str) -> Result<()> {
        Workshop::new(Backend::Zipkin, dir, control).run("a step", "sh", |sh| {
            sh.args(["-c", script]);
        })
    }

    #[test]
    fn a_failing_command_shows_the_end_of_its_output() {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::in_foreground();
        let error = sh(dir.path(), &control, "echo one; echo two >&2; exit 3").unwrap_err().to_string();
        assert!(error.starts_with("a step failed"), "{error}");
        assert!(error.ends_with("one\ntwo"), "{error}");
    }

    #[test]
    fn background_work_runs_at_low_priority() {
        let dir = tempfile::tempdir().unwrap();
        sh(dir.path(), &Control::in_background(), "test $(nice) -ge 10").unwrap();
    }

    #[test]
    fn cancelling_ends_a_running_command() {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::in_foreground();
        let started = Instant::now();
        thread::scope(|scope| {
            let step = scope.spawn(|| sh(dir.path(), &control, "echo > running; exec sleep 60"));
            while !dir.path().join("running").exists() && !step.is_finished() {
                thread::sleep(Duration::from_millis(5));
            }
            control.cancel();
            assert_eq!(step.join().unwrap().unwrap_err().to_string(), "called off");
        });
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
