//! Cargo, as the commands here run it.

use std::env;
use std::fmt;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result};

/// Cargo of the nightly toolchain, whichever one runs this.
pub(crate) fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
    }
    command
}

/// The Cargo that runs this command, so that `cargo +toolchain xtask test` stays on its toolchain.
pub(crate) fn cargo_path() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

pub(crate) fn cargo(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot run cargo")?;
    if status.success() { Ok(()) } else { Err(CargoFailed(status).into()) }
}

/// Cargo ended with a failure that it has already explained.
#[derive(Debug)]
pub(crate) struct CargoFailed(ExitStatus);

impl CargoFailed {
    pub(crate) fn exit_code(&self) -> ExitCode {
        // No code: Cargo was ended by a signal.
        let code = self.0.code().and_then(|code| u8::try_from(code).ok());
        code.map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

impl fmt::Display for CargoFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo failed ({})", self.0)
    }
}

impl std::error::Error for CargoFailed {}
