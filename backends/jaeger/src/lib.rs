//! The `jaeger` backend of tracer-factory. The endpoint decides which of Jaeger's languages is spoken:
//!
//! | `JAEGER_ENDPOINT` | language |
//! |---|---|
//! | `http(s)://host:14268/api/traces`, or without the path | Thrift, binary protocol, over HTTP |
//! | `udp://host:6831` | Thrift, compact protocol, in packets of at most 65,000 bytes |
//! | port 4317 | OTLP over gRPC |
//! | port 4318, or a path that ends with `/v1/traces` | OTLP over HTTP |
//!
//! Over UDP, delivered means sent: nobody answers. A span that fits no packet is dropped and counted as
//! oversize; where nobody listens on the same machine, spans are kept and sent again. A batch that broke off
//! goes on with the packet that failed; only after a refusal that came late, as from another machine, are
//! packets sent twice. Over HTTP, a 500 is tried again as well: the collector gives it when its queue is full.
//!
//! # What Jaeger keeps
//! Read back from `/api/traces/{id}` of Jaeger v2 (`data[0]`, with `spans` and `processes`), a span that
//! went by Thrift differs from what was recorded in this and nothing else:
//!
//! | recorded | in Jaeger |
//! |---|---|
//! | trace and span identifiers | `traceID` (32 digits), `spanID` (16 digits) |
//! | name | `operationName`, unchanged, NUL and emoji included |
//! | start in nanoseconds | `startTime`, in microseconds, cut |
//! | end | `duration`: end minus start, in microseconds, cut, never negative |
//! | parent | reference `CHILD_OF` in the same trace, the first one |
//! | link | reference `FOLLOWS_FROM`; none for a link to the span itself or without identifiers. A link to the parent takes the place of `CHILD_OF`; of a root's links within its trace, the first goes first |
//! | what else a link has (attributes, trace state, dropped count) | a log at the span's start with `event` = `link`, `trace_id`, `span_id`, then as for events |
//! | event | log: `timestamp` in microseconds, cut; `fields` with `event` (the name, unless an attribute has this key) and the attributes |
//! | attributes | tags `{key, type, value}` sorted by key; a key that appears several times has its last value |
//! | text, truth value | `string`, `bool` |
//! | integer | `int64`; beyond ±(2^53−1) the JSON value is text |
//! | float | `float64`; NaN and the infinities are `string` `NaN`, `Infinity`, `-Infinity` |
//! | bytes | `binary`, base64 in JSON |
//! | array, map | `string`: JSON |
//! | no value | `string`, empty |
//! | kind | tag `span.kind`; internal has none |
//! | status | tag `otel.status_code` = `OK` or `ERROR`; with an error also `error` = true and, with words, `otel.status_description` |
//! | status unset | Jaeger itself says `ERROR` for an attribute `error` = true or an `http.status_code` that means one |
//! | scope | tags `otel.scope.name`, `otel.scope.version`, when not empty |
//! | vendors' trace state | tag `w3c.tracestate` |
//! | dropped counts, when not 0 | tags `otel.dropped_attributes_count`, `otel.dropped_events_count`, `otel.dropped_links_count`; the first one also on logs |
//! | an attribute with the key of one of these tags | left out, if the span has that tag |
//! | `service.name` | `serviceName` of the process |
//! | other attributes of the resource | `tags` of the process; Jaeger renames `hostname` to `host.name` and `jaeger.version` to `opencensus.exporterversion` |
//! | trace flags, whether the parent is remote | not kept |
//!
//! By OTLP, Jaeger makes the translation itself, with these differences: `span.kind` is there for internal
//! spans too, dropped counts and what links have beyond identifiers are lost, nothing is guessed from
//! attributes or renamed, and **a float that is not finite makes Jaeger answer 500 for the whole trace**.

mod agent;
mod collector;
mod config;
mod destination;
mod encode;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod model;
mod packets;
mod thrift;

pub use destination::BACKEND;

#[cfg(test)]
mod tests;
