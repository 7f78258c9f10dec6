//! The jaeger backend of tracer-factory.

mod config;
mod encode;
mod model;
mod packets;
mod thrift;
mod udp;

#[cfg(test)]
mod tests;
