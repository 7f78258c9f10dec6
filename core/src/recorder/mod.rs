//! The recorder: everything between a scope and a lane. `local` is the hot path, one for each thread.

mod attributes;
mod begin;
mod clock;
mod end;
mod fit;
mod frame;
#[cfg(feature = "guest")]
mod guest;
mod lanes;
mod last_trace;
mod local;
mod name;
mod node;
mod open_span;
mod random;
mod redaction;
mod shared;
mod supply;

pub(crate) use clock::keep_time;
#[cfg(feature = "guest")]
pub(crate) use frame::Worker;
pub(crate) use frame::{Detached, Extra, FrameContext, Parent, Recording, StartSpan};
#[cfg(feature = "guest")]
pub(crate) use guest::{GuestBeginning, OpenGuest};
pub(crate) use lanes::{Counts, Crowd, Release, Run};
#[cfg(feature = "guest")]
pub(crate) use last_trace::SharedCapture;
pub(crate) use local::{Local, Parked, suppress_this_thread, with_local};
pub(crate) use name::Name;
pub(crate) use node::Node;
pub(crate) use open_span::OpenSpan;
#[cfg(test)]
pub(crate) use random::Random;
pub(crate) use shared::Recorder;
