//! The encoders against the `thrift` crate, and the destinations against sockets of this machine.

mod mapping;
mod reader;
mod spans;
mod udp;
mod wire;
