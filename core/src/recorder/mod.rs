//! The recorder: everything between a scope and a lane. `local` is the hot path, one for each thread.

mod begin;
mod clock;
mod end;
mod frame;
mod lanes;
mod last_trace;
mod local;
mod open_span;
mod random;
mod shared;

pub(crate) use clock::now;
#[cfg(feature = "guest")]
pub(crate) use frame::Root;
pub(crate) use frame::{Detached, Extra, FrameContext, Parent, SlotRef, StartSpan};
pub(crate) use lanes::{Counts, Crowd, Release, Run};
#[cfg(feature = "guest")]
pub(crate) use last_trace::SharedCapture;
pub(crate) use local::{Local, suppress_this_thread, with_local};
pub(crate) use open_span::{Name, OpenSpan};
#[cfg(test)]
pub(crate) use random::Random;
pub(crate) use shared::Recorder;
