//! So that `cargo bench --bench compare` works at the root: runs the benchmark of that name in its own package, which
//! nobody who only tests has to compile.
#![allow(missing_docs)]

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    // Cargo says `--bench` to benchmarks by itself, and will again.
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--bench");
    let status = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["bench", "--package", "tracer-factory-benches", "--bench", "compare", "--"])
        .args(arguments)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
