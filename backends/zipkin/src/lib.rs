//! The Zipkin backend: v2 JSON over HTTP, made so that Zipkin's dependency graph works.
//!
//! `ZIPKIN_ENDPOINT` is a base URL (`http://zipkin:9411`, completed with `/api/v2/spans`) or the full URL of a v2 collector.
//!
//! # What Zipkin keeps
//! Read back from `/api/v2/trace/{id}`, a span differs from what was recorded in this and nothing else:
//!
//! | recorded | in Zipkin |
//! |---|---|
//! | times in nanoseconds | microseconds, cut; a duration is at least 1 |
//! | name, `service.name` | in lower case, by Zipkin itself |
//! | kind | internal has none |
//! | attributes of any type | tags of text: numbers and truth values as words, arrays and maps as JSON, bytes in base64, no value as empty text |
//! | a key set several times | the last value |
//! | attribute `error` | left out; the tag `error` stands for the status |
//! | status | tags `otel.status_code` (`OK`, `ERROR`) and, for errors, `error` with the words, empty when there are none |
//! | events | annotations in order of time, equal ones once: the name, or `"name":{…attributes as JSON…}`, with `otel.dropped_attributes_count` among them |
//! | links | tag `otel.links`, a JSON array of `traceId`, `spanId`, `traceState`, `attributes`, `droppedAttributesCount` |
//! | scope | tags `otel.scope.name`, `otel.scope.version` and their older names `otel.library.*` |
//! | resource attributes | tags, but for `service.name` and names that the span has itself |
//! | dropped counts | tags `otel.dropped_attributes_count`, `otel.dropped_events_count`, `otel.dropped_links_count` |
//! | vendors' trace state | tag `w3c.tracestate` |
//! | trace flags, whether the parent is remote | not kept |
//!
//! The local endpoint has `service.name` and, when known, the address of the connection or of the host (`host.ip`).
//! The remote endpoint of clients, producers and consumers comes from `peer.service`, `server.*`, `network.peer.*`,
//! their older names, and `db.*`; of servers from `peer.service`, `network.peer.*` and `client.*`.
//! A server's span with the identifier of its own parent is `shared`, as B3 libraries join spans.

mod config;
mod destination;
mod encode;
mod endpoint;
mod json;
mod tags;

use tracer_factory_core::delivery::Backend;

pub use destination::ZipkinDestination;
pub use encode::{Encoded, Encoder};

/// What the facade registers under `zipkin`.
pub const BACKEND: Backend = Backend { name: "zipkin", plan: config::plan, limits: |_| {} };
