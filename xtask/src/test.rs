//! `cargo xtask test`: the tests that need nothing while the servers are being provisioned, then
//! the tests against the real servers. The first failure ends it.

use std::env;
use std::fmt;
use std::process::{Command, ExitCode, ExitStatus};
use std::thread;

use anyhow::{Context as _, Result};
use tracer_factory_testkit::layout::{Backend, CACHE_VAR};

use crate::provision::{self, cache::Cache, workshop::Control};

/// The package whose tests need real servers.
const REAL_TESTS: &str = "tracer-factory-real-tests";

pub(crate) fn run(hermetic: bool) -> Result<()> {
    if hermetic {
        return hermetic_tests();
    }
    let cache = Cache::open()?;
    // A missing toolchain should not come to light after minutes of compiling.
    provision::check_tools(&cache, &Backend::ALL, true)?;

    let control = Control::in_background();
    thread::scope(|scope| {
        let provisioning = scope.spawn(|| provision::provision(&cache, &Backend::ALL, &control));
        let tested = hermetic_tests().and_then(|()| real_tests(&cache, &["--no-run"]));
        if tested.is_err() {
            control.cancel();
        }
        let provisioned = provisioning.join().expect("provisioning does not panic");
        // When the tests failed, provisioning has failed only because it was cancelled.
        tested.and(provisioned)
    })?;

    real_tests(&cache, &["--", "--test-threads=2"])
}

/// Documentation first, so that the run closes on tests: the last crate may well have no examples
/// in its documentation, and then Cargo's last words would be that nothing was run.
fn hermetic_tests() -> Result<()> {
    // Tests run the examples as programs, which `cargo test` builds only when it is told no targets.
    let steps: [&[&str]; 3] =
        [&["test", "--doc"], &["build", "--examples"], &["test", "--lib", "--bins", "--tests"]];
    for step in steps {
        let mut command = Command::new(cargo_path());
        cargo(command.args(step).args(["--workspace", "--exclude", REAL_TESTS]))?;
    }
    Ok(())
}

fn real_tests(cache: &Cache, args: &[&str]) -> Result<()> {
    let mut command = Command::new(cargo_path());
    command.args(["test", "--package", REAL_TESTS]).args(args).env(CACHE_VAR, cache.root());
    cargo(&mut command)
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
