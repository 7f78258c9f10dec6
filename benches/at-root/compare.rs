//! So that `cargo bench --bench compare` works at the root: runs the benchmark of that name in its own package, which
//! nobody who only tests has to compile.
#![allow(missing_docs)]

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["bench", "--package", "tracer-factory-benches", "--bench", "compare", "--"]);
    // Cargo says `--bench` to benchmarks by itself, and will again.
    command.args(std::env::args_os().skip(1).filter(|argument| argument != "--bench"));
    // What Cargo says of this package would make build scripts believe that something changed, and build again.
    for (name, _) in std::env::vars_os() {
        let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_package) {
            command.env_remove(name);
        }
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
