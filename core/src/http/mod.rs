//! The HTTP client that networked backends share, and OTLP destinations over it.
//!
//! It runs on the delivery thread's own runtime, follows no redirect, uses no proxy, and reads no more
//! of an answer than it must; every failure is already an [`Outcome`](crate::delivery::Outcome).

mod account;
mod client;
mod header_file;
mod joined_writes;
pub mod otlp;
mod outcome;
mod percent;
mod request;
mod retry_after;
mod rotation;
mod target;
mod tls;
mod words;

pub use client::{HttpSender, Response};
pub use header_file::HeaderFile;
pub use request::basic_authorization;
pub use target::HttpTarget;
pub use tls::TlsVariables;
