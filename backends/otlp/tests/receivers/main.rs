//! The `otlp` backend against receivers on loopback: right ones, wrong ones, and none.

#![allow(clippy::unwrap_used, reason = "a test's helpers are tests too")]

mod faults;
mod grpc;
mod grpc_answers;
mod http;
mod rotation;
mod support;
mod tls;
mod tls_faults;
