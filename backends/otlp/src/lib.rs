//! The `otlp` backend of tracer-factory: OTLP over gRPC, HTTP/protobuf or HTTP/JSON.
//!
//! | endpoint | protocol, unless one is given |
//! |---|---|
//! | none | gRPC to `http://localhost:4317` |
//! | port 4317 | gRPC |
//! | port 4318 | HTTP/protobuf |
//! | any other port, with a path | HTTP/protobuf |
//! | any other port, no path | gRPC |
//!
//! Over HTTP a base URL gets `/v1/traces`; a full one stays as it is.

mod destination;

pub use destination::BACKEND;
