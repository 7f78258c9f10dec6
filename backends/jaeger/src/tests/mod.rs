//! The encoders against the `thrift` crate, and the destinations against sockets of this machine.

mod agent;
mod collector;
mod mapping;
mod reader;
mod reference;
mod spans;
mod wire;
