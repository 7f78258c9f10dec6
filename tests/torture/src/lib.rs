//! What must hold while everything around a tracer breaks. [`bars`] are the demands, each a file; [`worker`] is the
//! process they torment, which is this same program started again; [`harness`] is what the bars share.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bars;
pub mod harness;
pub mod worker;
