//! OTLP destinations. They live here because several backends speak OTLP and none knows another.

mod grpc;
mod grpc_status;
mod http;
mod response;
mod target;

use std::fmt;

pub use target::OtlpTarget;

use super::HttpSender;
use crate::delivery::{Batch, BoxFuture, Connected, Destination, Outcome, Plan};
use crate::error::ConfigError;

/// OTLP's limit for one request.
const REQUEST_LIMIT: usize = 64 << 20;

fn too_large_to_send(sender: &HttpSender) -> Outcome {
    let what = "a request of more than 64 MiB, OTLP's limit, was not sent: record less in a span";
    Outcome::TooLarge(super::outcome::error(sender, what))
}

/// Sends batches by OTLP. The span bytes go out as they were recorded, except in JSON.
pub struct OtlpDestination {
    protocol: Protocol,
}

enum Protocol {
    Http(http::OtlpHttp),
    Grpc(grpc::OtlpGrpc),
}

/// Builds the client. Belongs into [`Plan::connect`]: it reads certificate files.
pub fn otlp_destination(target: OtlpTarget) -> Result<OtlpDestination, ConfigError> {
    let (protocol, target) = target.resolve();
    let protocol = match http::Encoding::of(protocol) {
        Some(encoding) => Protocol::Http(http::OtlpHttp::new(target, encoding)?),
        None => Protocol::Grpc(grpc::OtlpGrpc::new(target)?),
    };
    Ok(OtlpDestination { protocol })
}

/// Checks `target` and plans a destination for it.
pub fn otlp_plan(backend: &'static str, target: OtlpTarget) -> Result<Plan, ConfigError> {
    let endpoint = target.check()?;
    let account = target.account();
    let connect = move || Ok(Connected::new(otlp_destination(target)?));
    Ok(Plan::new(backend, endpoint.to_string(), connect).networked().account(account))
}

impl Destination for OtlpDestination {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        match &mut self.protocol {
            Protocol::Http(http) => Box::pin(http.deliver(batch)),
            Protocol::Grpc(grpc) => Box::pin(grpc.deliver(batch)),
        }
    }
}

impl fmt::Debug for OtlpDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, sender) = match &self.protocol {
            Protocol::Http(http) => ("http", http.sender()),
            Protocol::Grpc(grpc) => ("grpc", grpc.sender()),
        };
        f.debug_struct("OtlpDestination").field("protocol", &name).field("sender", sender).finish()
    }
}
