//! The `sdk` backends: upstream's exporters against receivers on loopback, and one's own by name.

#![allow(clippy::unwrap_used, reason = "a test's helpers are tests too")]

mod equal;
mod own;
mod support;
mod upstream;
