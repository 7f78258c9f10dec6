//! What the query API is asked and what it answers, as both its server and its client know it.

use serde::{Deserialize, Serialize};

/// Which traces `GET /api/traces` lists. What is absent does not restrict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TraceQuery {
    /// At most this many, the newest first: those that got spans last. A server gives 10,000 at most.
    pub limit: usize,
    /// Those that come after a list whose [`TraceList::next`] this was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Traces with a span of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Traces with a span whose name contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Traces with a span whose name or service contains this, or whose identifier starts with it; case does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Traces with a span of this kind, such as `llm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Traces with (`true`) or without (`false`) a span that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<bool>,
    /// Traces that took at least this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration_nanos: Option<u64>,
    /// Traces that took at most this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration_nanos: Option<u64>,
    /// Traces with this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Traces of this project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Traces of this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Traces with (`true`) or without (`false`) a reward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<bool>,
}

impl Default for TraceQuery {
    fn default() -> Self {
        Self {
            limit: 100,
            before: None,
            service: None,
            name: None,
            q: None,
            kind: None,
            errors: None,
            min_duration_nanos: None,
            max_duration_nanos: None,
            tag: None,
            project: None,
            session_id: None,
            reward: None,
        }
    }
}

/// A trace as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceSummary {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// The name of the span without a parent; while there is none, of the span that started first.
    pub root_name: String,
    /// Whether a span without a parent has arrived.
    pub has_root: bool,
    /// That span's kind, such as `agent`; absent for ordinary spans.
    pub root_kind: Option<String>,
    /// The project it belongs to.
    pub project: String,
    /// The session it says it belongs to; without one it is a session of its own.
    pub session_id: Option<String>,
    /// The services of its spans, sorted.
    pub services: Vec<String>,
    /// The kinds of its spans.
    pub kinds: Vec<String>,
    /// The tags of its spans, sorted.
    pub tags: Vec<String>,
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
    /// Spans of it that were let go to make room.
    pub omitted_spans: u64,
    /// Tokens that models read.
    pub input_tokens: u64,
    /// Tokens that models wrote.
    pub output_tokens: u64,
    /// What models cost, in US dollars, where spans say so.
    pub cost_usd: Option<f64>,
    /// The last primary reward.
    pub reward: Option<f64>,
    /// The model that was called last.
    pub model: Option<String>,
}

/// The body of `GET /api/traces`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceList {
    /// The newest first.
    pub traces: Vec<TraceSummary>,
    /// [`TraceQuery::before`] for the next ones; absent when there are none.
    pub next: Option<String>,
}

/// Which sessions `GET /api/sessions` lists. What is absent does not restrict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SessionQuery {
    /// At most this many, the newest first: those that got spans last. A server gives 10,000 at most.
    pub limit: usize,
    /// Those that come after a list whose [`SessionList::next`] this was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Sessions of this project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Sessions with this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Sessions whose identifier, a span's name or a service contains this; case does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
}

impl Default for SessionQuery {
    fn default() -> Self {
        Self { limit: 100, before: None, project: None, tag: None, q: None }
    }
}

/// A session as lists show it: its traces taken together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionSummary {
    /// What its spans say, or the identifier of a trace that belongs to no session.
    pub session_id: String,
    /// The project of its first trace.
    pub project: String,
    /// Traces that are stored.
    pub traces: u64,
    /// Spans that are stored.
    pub spans: u64,
    /// Spans that failed.
    pub errors: u64,
    /// The earliest start; text in JSON.
    #[serde(with = "decimal")]
    pub start_unix_nanos: u64,
    /// The latest end; text in JSON.
    #[serde(with = "decimal")]
    pub end_unix_nanos: u64,
    /// The services of its spans, sorted.
    pub services: Vec<String>,
    /// The tags of its spans, sorted.
    pub tags: Vec<String>,
    /// How it ended, as its spans say: `Success`, `Fail` or `Indeterminate`.
    pub end_state: Option<String>,
    /// Tokens that models read.
    pub input_tokens: u64,
    /// Tokens that models wrote.
    pub output_tokens: u64,
    /// What models cost, in US dollars, where spans say so.
    pub cost_usd: Option<f64>,
    /// The last primary reward.
    pub reward: Option<f64>,
    /// The rollout it is part of.
    pub rollout_id: Option<String>,
    /// The attempt at that rollout.
    pub attempt_id: Option<String>,
    /// The root's name of its first trace.
    pub root_name: String,
}

/// The body of `GET /api/sessions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionList {
    /// The newest first.
    pub sessions: Vec<SessionSummary>,
    /// [`SessionQuery::before`] for the next ones; absent when there are none.
    pub next: Option<String>,
}

/// The body of `GET /api/sessions/{session_id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionTraces {
    /// The session.
    pub session: SessionSummary,
    /// Its traces, the earliest start first.
    pub traces: Vec<TraceSummary>,
}

/// The body of `GET /api/facets`: what filters can ask for, the most frequent first, 200 of each at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Facets {
    /// Services.
    pub services: Vec<String>,
    /// Names of spans.
    pub names: Vec<String>,
    /// Projects.
    pub projects: Vec<String>,
    /// Kinds of spans.
    pub kinds: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
}

/// The body of `GET /api/services`: who calls whom, over the newest traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceMap {
    /// The services.
    pub nodes: Vec<ServiceNode>,
    /// The calls between them.
    pub edges: Vec<ServiceEdge>,
    /// How many traces it was made of.
    pub traces: usize,
}

/// A service and its spans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceNode {
    /// Its name.
    pub service: String,
    /// Its spans.
    pub spans: u64,
    /// Those that failed.
    pub errors: u64,
    /// Half of its spans were as fast as this; text in JSON.
    #[serde(with = "decimal")]
    pub p50_nanos: u64,
    /// 95 of 100 were.
    #[serde(with = "decimal")]
    pub p95_nanos: u64,
    /// 99 of 100 were.
    #[serde(with = "decimal")]
    pub p99_nanos: u64,
}

/// Spans of one service whose parents are another's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceEdge {
    /// The parents' service.
    pub from: String,
    /// The spans' service.
    pub to: String,
    /// How many there are.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Half of them were as fast as this; text in JSON.
    #[serde(with = "decimal")]
    pub p50_nanos: u64,
    /// 95 of 100 were.
    #[serde(with = "decimal")]
    pub p95_nanos: u64,
    /// 99 of 100 were.
    #[serde(with = "decimal")]
    pub p99_nanos: u64,
}

/// The body of `/healthz`, by which one of ours is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// [`Health::SERVER`].
    pub server: String,
    /// The version of this crate.
    pub version: String,
    /// `ok`, or why spans are refused at present.
    pub status: String,
    /// The server's process.
    pub pid: u32,
    /// The directory that traces are kept in; absent when they are in memory only.
    #[serde(default)]
    pub data: Option<String>,
    /// Traces that are stored.
    pub traces: usize,
    /// Spans that are stored.
    pub spans: u64,
    /// Bytes they take.
    pub bytes: usize,
    /// Bytes they may take.
    pub max_bytes: usize,
    /// Traces that were let go to make room or for their age.
    pub evicted_traces: u64,
    /// Spans that were let go to make room or for their age.
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
