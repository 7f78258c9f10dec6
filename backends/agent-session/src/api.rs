//! What the query API is asked and what it answers, as both its server and its client know it.

use serde::{Deserialize, Serialize};

/// Which traces `GET /api/traces` lists. What is absent does not restrict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TraceQuery {
    /// At most this many, the newest first.
    pub limit: usize,
    /// Traces with a span of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Traces whose root's name contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Traces with (`true`) or without (`false`) a span that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<bool>,
}

impl Default for TraceQuery {
    fn default() -> Self {
        Self { limit: 100, service: None, name: None, errors: None }
    }
}

/// A trace as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceSummary {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// The name of the span without a parent; while there is none, of the span that started first.
    pub root_name: String,
    /// Whether a span without a parent has arrived.
    pub has_root: bool,
    /// The services of its spans, sorted.
    pub services: Vec<String>,
    /// The earliest start; text in JSON, where numbers are too small for it.
    #[serde(with = "decimal")]
    pub start_unix_nanos: u64,
    /// From the earliest start to the latest end; text in JSON.
    #[serde(with = "decimal")]
    pub duration_nanos: u64,
    /// Spans that are stored.
    pub spans: u64,
    /// Spans that failed.
    pub errors: u64,
    /// Spans that were let go because the trace alone outgrew the store.
    pub omitted_spans: u64,
}

/// The body of `GET /api/traces`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TraceList {
    pub(crate) traces: Vec<TraceSummary>,
}

/// The body of `/healthz`, by which one of ours is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// [`Health::SERVER`].
    pub server: String,
    /// The version of this crate.
    pub version: String,
    /// `ok`.
    pub status: String,
    /// The server's process.
    pub pid: u32,
    /// Traces that are stored.
    pub traces: usize,
    /// Spans that are stored.
    pub spans: u64,
    /// Bytes they take.
    pub bytes: usize,
    /// Bytes they may take.
    pub max_bytes: usize,
    /// Traces that were let go to make room.
    pub evicted_traces: u64,
    /// Spans that were let go to make room.
    pub evicted_spans: u64,
}

impl Health {
    /// The name that our servers answer with.
    pub const SERVER: &'static str = "tracer-factory";

    /// What `body` says, if one of ours wrote it.
    pub(crate) fn recognise(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(|health: &Self| health.server == Self::SERVER)
    }
}

/// 64-bit numbers as decimal text.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
