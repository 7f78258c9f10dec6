//! The console backend: finished spans on standard output or standard error.
//!
//! `TRACER_TYPE=console` prints a tree per trace for people, or one JSON object a span and line
//! for programs. A tree is printed when the root of the trace in this process has arrived; spans
//! whose root does not come are printed after 30 seconds, when 10,000 spans are waiting, or at the end.
//! A span counts as delivered when it was taken, even while it waits for its root.
//!
//! # What the console keeps
//! JSON lines have everything, with attributes as plain JSON (bytes in base64, NaN and the infinities as text).
//! The tree leaves out links and resources but for the service's name, shows at most 24 attributes
//! a span and 200 characters a value, and escapes control characters.

mod config;
mod destination;
mod forest;
mod json_lines;
mod pending;
mod text;
pub mod tree;

use tracer_factory_core::delivery::Backend;

pub use destination::ConsoleDestination;
pub use json_lines::json_line;
pub use tree::{Style, render};

/// What the facade registers under `console`.
pub const BACKEND: Backend = Backend { name: "console", plan: config::plan, limits: |_| {} };
