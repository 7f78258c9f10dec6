//! The `otlp` backend against receivers on loopback: right ones, wrong ones, and none.

#![allow(clippy::unwrap_used, reason = "a test's helpers are tests too")]

mod grpc;
mod http;
mod support;
mod tls;
