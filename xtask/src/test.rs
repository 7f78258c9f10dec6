//! `cargo xtask test`: the tests that need nothing while the servers are being provisioned, then
//! the tests against the real servers. The first failure ends it.

use std::process::Command;
use std::thread;

use anyhow::Result;
use tracer_factory_testkit::layout::{Backend, CACHE_VAR};

use crate::cargo::{cargo, cargo_path};
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
