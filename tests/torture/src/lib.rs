//! What must hold while everything around a tracer breaks. [`bars`] are the demands; [`worker`] is the process they
//! torment, which is this same program started again; [`harness`] is what the bars share; [`wait`] is for both.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bars;
pub mod harness;
pub mod wait;
pub mod worker;
