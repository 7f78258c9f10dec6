//! `cargo xtask torture`: builds the torture program as users build, and hands it the arguments. The program is a
//! package of its own, because this command has to be there in seconds.

use std::process::Command;

use anyhow::Result;

use crate::cargo::{cargo, cargo_path};

const PACKAGE: &str = "tracer-factory-torture";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut command = Command::new(cargo_path());
    cargo(command.args(["run", "--release", "--quiet", "--package", PACKAGE, "--"]).args(args))
}
