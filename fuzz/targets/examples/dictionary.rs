//! Prints the dictionary with which `cargo xtask fuzz` feeds the `environment` target.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

fn main() {
    print!("{}", tracer_factory_fuzz_targets::dictionary());
}
