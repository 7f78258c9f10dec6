//! `cargo xtask loom` and `cargo xtask miri`: the one crate with `unsafe`, in every order in which two threads can meet,
//! and under an interpreter that knows what is undefined.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::cargo::{cargo, cargo_path, nightly};

const PACKAGE: &str = "tracer-factory-ring";
const LOOM_TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/loom");

/// In a folder of its own: the flag is another one for every crate.
pub(crate) fn loom() -> Result<()> {
    let mut command = Command::new(cargo_path());
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", LOOM_TARGET);
    cargo(command.args(["test", "--release", "--package", PACKAGE, "--test", "loom"]))
}

/// A missing Miri is a failure, not a reason to do nothing.
pub(crate) fn miri() -> Result<()> {
    let found = nightly().args(["miri", "--version"]).output().context("cannot run rustup")?;
    ensure!(
        found.status.success(),
        "Miri is missing: `rustup toolchain install nightly --component miri,rust-src`"
    );
    cargo(nightly().args(["miri", "test", "--package", PACKAGE]))
}
