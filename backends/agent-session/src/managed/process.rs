//! A server in a process of its own: `tracer-factory serve`, started detached, that outlives this worker.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tracer_factory_core::config::{AgentSessionConfig, ServerData};

/// What is searched on `PATH`.
const PROGRAM: &str = "tracer-factory";
/// How long a server may take until it is ready.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks at the ready file, which appears by a rename.
const LOOK_PAUSE: Duration = Duration::from_millis(5);
const HINT: &str = "install it with `cargo install tracer-factory-cli`, set TRACER_SERVER_BIN to its path, or set \
                    AGENTOPS_DAEMON=true for a server inside this process";

/// Starts `tracer-factory serve --listen A --max-bytes N --max-age SECONDS --ready-file F`, with `--data` where it was said, and returns its URL.
pub(super) fn start(config: &AgentSessionConfig) -> Result<String, String> {
    let program = config.server_bin.as_deref().map_or(OsStr::new(PROGRAM), Path::as_os_str);
    let shown = program.to_string_lossy();
    let folder =
        ReadyFolder::create().map_err(|error| format!("no temporary folder for {shown}: {error}"))?;
    let ready_file = folder.0.join("url");
    let mut command = Command::new(program);
    command
        .arg("serve")
        .args(["--listen", &config.listen.to_string()])
        .args(["--max-bytes", &config.max_bytes.to_string()])
        .args(["--max-age", &config.max_age.as_secs().to_string()])
        .arg("--ready-file")
        .arg(&ready_file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match &config.data {
        ServerData::Default => {}
        ServerData::Memory => drop(command.args(["--data", "memory"])),
        ServerData::At(directory) => drop(command.arg("--data").arg(directory)),
    }
    // Its own group, so that Ctrl-C at this worker's terminal does not end it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("the program {shown} was not found: {HINT}"),
        _ => format!("the program {shown} did not start: {error}; {HINT}"),
    })?;
    wait(child, &ready_file).map_err(|what| format!("the server {shown} {what}"))
}

fn wait(mut child: Child, ready_file: &Path) -> Result<String, String> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        // Whether it has ended is asked first: a file that was written before the end is then seen.
        let ended = child.try_wait().map_err(|error| format!("can't be watched: {error}"))?;
        if let Ok(url) = std::fs::read_to_string(ready_file) {
            reap_later(child);
            return Ok(url.trim().to_owned());
        }
        if let Some(status) = ended {
            return Err(format!(
                "ended before it was ready ({status}); run it by hand with `serve` to see why"
            ));
        }
        if Instant::now() >= deadline {
            // Not ready is as good as not there; a second one would be started beside it.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("was not ready within {} seconds", START_TIMEOUT.as_secs()));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
}

/// The server should outlive us; should it not, nobody else can take its exit status.
fn reap_later(mut child: Child) {
    let spawned =
        std::thread::Builder::new().name("tracer-reaper".to_owned()).stack_size(64 << 10).spawn(move || {
            let _ = child.wait();
        });
    // Without the thread an ended server stays in the process table until we end as well.
    drop(spawned);
}

/// A folder that only this user can look into, gone with the value.
struct ReadyFolder(PathBuf);

impl ReadyFolder {
    fn create() -> io::Result<Self> {
        use std::hash::{BuildHasher, RandomState};
        let name = format!(
            "tracer-factory-{}-{:016x}",
            std::process::id(),
            RandomState::new().hash_one(Instant::now())
        );
        let path = std::env::temp_dir().join(name);
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // Fails when it exists, so nobody can have prepared it.
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for ReadyFolder {
    fn drop(&mut self) {
        // What stays behind is a URL in a folder for temporary things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
