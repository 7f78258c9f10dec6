//! The built command, as its users run it.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod demo;
mod explain;
mod program;
#[cfg(target_os = "linux")]
mod replay;
mod serve;
mod triplets;
