//! The examples, as their users run them. `cargo test` builds them beside this test.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

#[path = "examples/program.rs"]
mod program;
#[path = "examples/quickstart.rs"]
mod quickstart;
#[path = "examples/w3c_service.rs"]
mod w3c_service;
