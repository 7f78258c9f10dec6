//! What tests against real servers share: the trace they send, and for each server the projection from
//! `get_last_trace` to what that server keeps. The tests themselves are in `tests/`.

mod difference;
pub mod projection;
pub mod rich;

pub use difference::differences;
