//! The encoders against the `thrift` crate, and the destinations against sockets of this machine.

mod agent;
mod collector;
mod mapping;
mod reader;
mod spans;
mod wire;
