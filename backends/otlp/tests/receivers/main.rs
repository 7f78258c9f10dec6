//! The `otlp` backend against receivers on loopback: right ones, wrong ones, and none.

mod grpc;
mod http;
mod support;
mod tls;
