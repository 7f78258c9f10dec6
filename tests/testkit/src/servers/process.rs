//! A server's process: started from the cache in a temporary folder with a clean environment, on a
//! leash that ends it with the test process, its output in a log.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::error::{LogTail, ReadError, StartError};
use super::wait::poll;
use crate::layout::{self, Backend};

const LEASH: &str = include_str!("leash.sh");
const LOG: &str = "server.log";
/// All that a server gets of the test's environment, which may well hold OTEL_* of its own.
const INHERITED: [&str; 3] = ["PATH", "LANG", "JAVA_HOME"];
/// A killed process is gone at once; this only bounds a wait that something went wrong with.
const END: Duration = Duration::from_secs(10);

/// A server about to be started: where it lies in the cache, and a folder for its files.
pub(super) struct Launch {
    backend: Backend,
    program: PathBuf,
    dir: TempDir,
}

impl Launch {
    pub(super) fn new(backend: Backend) -> Result<Self, StartError> {
        let cache = layout::cache_root().ok_or(StartError::NoCache)?;
        let program = backend.dir(&cache).join(backend.program());
        if !program.is_file() {
            return Err(StartError::NotProvisioned { backend, path: program });
        }
        Self::with_program(backend, program)
    }

    fn with_program(backend: Backend, program: PathBuf) -> Result<Self, StartError> {
        let dir = tempfile::Builder::new().prefix(&format!("tracer-factory-{backend}-")).tempdir();
        let dir = dir.map_err(io_error(backend, "create a temporary folder"))?;
        Ok(Self { backend, program, dir })
    }

    /// The provisioned file.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The server's own folder, which is also its home.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Puts a file into the server's folder.
    pub(super) fn write(&self, name: &str, contents: &str) -> Result<PathBuf, StartError> {
        let path = self.dir().join(name);
        fs::write(&path, contents).map_err(io_error(self.backend, format!("write {}", path.display())))?;
        Ok(path)
    }

    /// Starts `executable`, with the arguments and variables that `prepare` adds.
    pub(super) fn start(
        self,
        executable: impl AsRef<OsStr>,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<Process, StartError> {
        let Self { backend, dir, .. } = self;
        let log = dir.path().join(LOG);
        let output = File::create(&log).map_err(io_error(backend, format!("create {}", log.display())))?;
        let errors = output.try_clone().map_err(io_error(backend, "share the log"))?;

        let mut command = Command::new("sh");
        command.args(["-c", LEASH, "leash.sh"]).arg(dir.path()).arg(executable);
        command.env_clear().envs(INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?))));
        command.env("HOME", dir.path()).env("TMPDIR", dir.path()).current_dir(dir.path());
        prepare(&mut command);
        command.stdin(Stdio::piped()).stdout(output).stderr(errors);
        let mut child = command.spawn().map_err(io_error(backend, "run sh"))?;

        // From here on the leash removes the folder: this process may not live to do it.
        let _ = dir.keep();
        let leash = child.stdin.take();
        Ok(Process { backend, child, leash, log, keep_folder: false })
    }
}

pub(super) fn io_error(backend: Backend, action: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Io { backend, action: action.into(), source }
}

/// A running server. Dropping it kills the server and waits until it is gone.
#[derive(Debug)]
pub(super) struct Process {
    backend: Backend,
    /// The shell that holds the server.
    child: Child,
    /// The shell's standard input; closing it ends the server.
    leash: Option<ChildStdin>,
    log: PathBuf,
    /// Leave the log behind for whoever looks into a failure.
    keep_folder: bool,
}

impl Process {
    /// Looks with `probe` until the server is ready.
    pub(super) fn wait_ready(
        &mut self,
        within: Duration,
        probe: impl Fn() -> Result<(), String>,
    ) -> Result<(), StartError> {
        let Self { backend, child, log, keep_folder, .. } = self;
        let backend = *backend;
        // The outer result says whether to go on waiting, the inner one how it ended.
        let ended = poll(within, || match child.try_wait() {
            Ok(None) => probe().map(Ok),
            Ok(Some(status)) => Ok(Err(StartError::Exited { backend, status, log: LogTail::of(log) })),
            Err(source) => Ok(Err(io_error(backend, "look after the server")(source))),
        });
        let ready = ended.unwrap_or_else(|last| {
            Err(StartError::NotReady { backend, within, last, log: LogTail::of(log) })
        });
        *keep_folder = ready.is_err();
        ready
    }

    /// Looks with `look` until the server shows `wanted`.
    pub(super) fn read<T>(
        &self,
        wanted: impl Into<String>,
        within: Duration,
        look: impl FnMut() -> Result<T, String>,
    ) -> Result<T, ReadError> {
        poll(within, look).map_err(|last| ReadError {
            backend: self.backend,
            wanted: wanted.into(),
            within,
            last,
            log: LogTail::of(&self.log),
        })
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut leash) = self.leash.take() {
            if thread::panicking() {
                self.keep_folder = true;
                announce(&self.log);
            }
            if self.keep_folder {
                // A leash that is gone has left the folder alone.
                let _ = leash.write_all(b"keep\n");
            }
        }
        let gone = poll(END, || match self.child.try_wait() {
            Ok(None) => Err(()),
            Ok(Some(_)) | Err(_) => Ok(()),
        });
        if gone.is_err() {
            // The shell hangs. Nothing more can be done about the server, but don't leave a zombie.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[expect(clippy::print_stderr, reason = "a failing test's output is where one looks for the log")]
fn announce(log: &Path) {
    eprintln!("the server's log is kept: {}", log.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Duration = Duration::from_secs(30);

    /// A server that tells its process id and never ends by itself.
    fn launch(script: &str) -> (Process, PathBuf) {
        let launch = Launch::with_program(Backend::Jaeger, PathBuf::new()).unwrap();
        let pid = launch.dir().join("pid");
        let script = format!("echo $$ > pid.new; mv pid.new pid; {script}");
        (
            launch
                .start("sh", |sh| {
                    sh.args(["-c", &script]);
                })
                .unwrap(),
            pid,
        )
    }

    fn pid_in(file: &Path) -> u32 {
        let text = poll(PLENTY, || fs::read_to_string(file)).unwrap();
        text.trim().parse().unwrap()
    }

    /// What a failure leaves behind, after the end of its server.
    fn remove_folder(process: Process) {
        let folder = process.log().parent().unwrap().to_owned();
        drop(process);
        fs::remove_dir_all(folder).unwrap();
    }

    fn is_running(pid: u32) -> bool {
        // A zombie has no command line any more.
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
    }

    #[test]
    fn dropping_kills_the_server_and_removes_its_folder() {
        let (process, file) = launch("exec sleep 600");
        let pid = pid_in(&file);
        // While a shell becomes another program it has no command line.
        poll(PLENTY, || if is_running(pid) { Ok(()) } else { Err(String::new()) }).unwrap();
        let folder = file.parent().unwrap();
        drop(process);
        assert!(!is_running(pid));
        assert!(!folder.exists());
    }

    #[test]
    fn the_log_of_a_failed_start_is_kept() {
        let (mut process, file) = launch("echo hello; exec sleep 600");
        pid_in(&file);
        process.wait_ready(Duration::ZERO, || Err(String::new())).unwrap_err();
        assert_eq!(fs::read_to_string(process.log()).unwrap(), "hello\n");
        remove_folder(process);
    }

    #[test]
    fn the_log_of_a_failed_test_is_kept() {
        let (process, file) = launch("exec sleep 600");
        let pid = pid_in(&file);
        let failed = thread::spawn(move || {
            let _process = process;
            panic!("as a failing test does");
        });
        assert!(failed.join().is_err());
        assert!(!is_running(pid));
        fs::remove_dir_all(file.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_server_that_ends_early_is_told_from_one_that_is_slow() {
        let (mut process, _) = launch("echo no such setting >&2; exit 7");
        let error = process.wait_ready(PLENTY, || Err("no answer".to_owned())).unwrap_err();
        let StartError::Exited { status, .. } = &error else { panic!("{error}") };
        assert_eq!(status.code(), Some(7));
        assert!(error.to_string().contains("no such setting"), "{error}");
        remove_folder(process);

        let (mut process, _) = launch("exec sleep 600");
        let error =
            process.wait_ready(Duration::from_millis(20), || Err("no answer".to_owned())).unwrap_err();
        assert!(matches!(error, StartError::NotReady { .. }), "{error}");
        assert!(error.to_string().contains("no answer"), "{error}");
        remove_folder(process);
    }

    #[test]
    fn a_server_sees_nothing_of_the_tests_environment() {
        let (mut process, _) = launch("env | cut -d= -f1; exit 0");
        let error = process.wait_ready(PLENTY, || Err(String::new())).unwrap_err();
        assert!(!error.to_string().contains("CARGO"), "{error}");
        remove_folder(process);
    }

    const HOLDER: &str = "TF_TESTKIT_HOLDER";

    /// Not a test by itself: what the test below runs in a process of its own, and kills.
    #[test]
    fn holder() {
        let Some(file) = env::var_os(HOLDER) else { return };
        let (_process, pid) = launch("exec sleep 600");
        fs::write(file, pid_in(&pid).to_string()).unwrap();
        thread::sleep(Duration::from_secs(600));
    }

    fn folders(dir: &TempDir) -> usize {
        fs::read_dir(dir.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    }

    #[test]
    fn a_server_does_not_outlive_a_killed_test_process() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let mut parent = Command::new(env::current_exe().unwrap());
        parent
            .args(["servers::process::tests::holder", "--exact"])
            .env(HOLDER, &file)
            .env("TMPDIR", dir.path());
        let mut parent = parent.stdout(Stdio::null()).spawn().unwrap();
        let pid = poll(PLENTY, || match fs::read_to_string(&file) {
            Ok(text) => text.parse::<u32>().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        });
        parent.kill().unwrap();
        parent.wait().unwrap();
        let pid = pid.unwrap();
        poll(PLENTY, || if is_running(pid) { Err(()) } else { Ok(()) }).expect("the server is still there");
        poll(PLENTY, || if folders(&dir) > 0 { Err(()) } else { Ok(()) }).expect("its folder is still there");
    }
}
