//! Managed servers: started or joined on a worker's behalf, in its process or in one of their own.

mod attach;
mod establish;
mod in_process;
mod probe;
mod process;
mod serve;

pub use attach::{Attached, start_or_join};
pub(crate) use establish::{Managed, Tie};
pub(crate) use probe::{Found, probe};
pub use serve::{Ready, announce, serve_blocking};
