//! This program again, in processes of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tracer_factory_benches::sink::SinkProcess;
use tracer_factory_hot_path::Failure;

/// What children share.
pub(crate) struct Children {
    program: std::path::PathBuf,
    /// What tracers keep by default lies here and not in the user's folder, and is gone afterwards.
    state: TempDir,
}

impl Children {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { program: std::env::current_exe()?, state: tempfile::tempdir()? })
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Whatever else the environment says of tracing would change what is measured.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let ours = ["TRACER_", "OTEL_", "OTLP_", "JAEGER_", "ZIPKIN_", "AGENTOPS_"];
            if name.to_str().is_some_and(|name| ours.iter().any(|prefix| name.starts_with(prefix))) {
                command.env_remove(&name);
            }
        }
        command.env("XDG_STATE_HOME", self.state.path());
        command
    }

    /// Runs it to its end; what it said on standard output. Standard error is this process's.
    pub(crate) fn output(&self, arguments: &[&str]) -> Result<String, Failure> {
        self.output_of(&self.program, arguments)
    }

    /// The same of another program.
    pub(crate) fn output_of(&self, program: &Path, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = self.command(program);
        let output = command.args(arguments).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{} {} failed", program.display(), arguments.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(crate) fn sink(&self) -> Result<SinkProcess, Failure> {
        let mut command = self.command(&self.program);
        command.arg("--sink");
        Ok(SinkProcess::start(command)?)
    }
}
