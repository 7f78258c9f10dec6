//! The built command, as its users run it.

mod demo;
mod explain;
mod program;
mod serve;
