//! `GET /api/services`: who calls whom, and how fast and how well, over the newest traces.

use std::collections::{BTreeMap, HashMap};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tracer_factory_core::otlp::decode_request;
use tracer_factory_core::span::{SpanData, StatusCode as SpanStatus};

use super::answer;
use crate::api::{ServiceEdge, ServiceMap, ServiceNode};
use crate::server::answer::failure;
use crate::server::shared::Shared;
use crate::store::{ReadError, Store};

/// Traces that are decoded at most.
const MOST_TRACES: usize = 2_000;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Newest {
    limit: usize,
}

impl Default for Newest {
    fn default() -> Self {
        Self { limit: 200 }
    }
}

pub(crate) async fn services(
    State(state): State<Shared>,
    query: Result<Query<Newest>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(Newest { limit })) => answer(&state, move |store| service_map(store, limit)).await,
        Err(error) => failure(StatusCode::BAD_REQUEST, error.body_text()),
    }
}

fn service_map(store: &Store, limit: usize) -> Result<ServiceMap, ReadError> {
    let mut map = Map::default();
    let mut traces = 0;
    for id in store.newest_ids(limit.min(MOST_TRACES))? {
        // It may have been let go in between.
        let Some(request) = store.request_of(id)? else { continue };
        map.add(&decode_request(&request)?);
        traces += 1;
    }
    Ok(map.into_answer(traces))
}

#[derive(Default)]
struct Map {
    nodes: BTreeMap<String, Calls>,
    edges: BTreeMap<(String, String), Calls>,
}

#[derive(Default)]
struct Calls {
    nanos: Vec<u64>,
    errors: u64,
}

impl Calls {
    fn add(&mut self, span: &SpanData) {
        self.nanos.push(span.duration_nanos());
        self.errors += u64::from(span.status.code == SpanStatus::Error);
    }

    /// The smallest duration that so many of a hundred do not exceed.
    fn percentiles(&mut self) -> [u64; 3] {
        self.nanos.sort_unstable();
        [50, 95, 99].map(|percent| {
            let rank = (self.nanos.len() * percent).div_ceil(100);
            self.nanos.get(rank.saturating_sub(1)).copied().unwrap_or(0)
        })
    }
}

impl Map {
    fn add(&mut self, spans: &[SpanData]) {
        let services: HashMap<_, _> =
            spans.iter().map(|span| (span.span_id(), span.resource.service_name())).collect();
        for span in spans {
            let service = span.resource.service_name();
            self.nodes.entry(service.to_owned()).or_default().add(span);
            let parent = span.parent_span_id.and_then(|parent| services.get(&parent));
            if let Some(parent) = parent.filter(|parent| **parent != service) {
                self.edges.entry(((*parent).to_owned(), service.to_owned())).or_default().add(span);
            }
        }
    }

    fn into_answer(self, traces: usize) -> ServiceMap {
        let node = |(service, mut calls): (String, Calls)| {
            let [p50_nanos, p95_nanos, p99_nanos] = calls.percentiles();
            let spans = calls.nanos.len() as u64;
            ServiceNode { service, spans, errors: calls.errors, p50_nanos, p95_nanos, p99_nanos }
        };
        let edge = |((from, to), mut calls): ((String, String), Calls)| {
            let [p50_nanos, p95_nanos, p99_nanos] = calls.percentiles();
            let count = calls.nanos.len() as u64;
            ServiceEdge { from, to, calls: count, errors: calls.errors, p50_nanos, p95_nanos, p99_nanos }
        };
        ServiceMap {
            nodes: self.nodes.into_iter().map(node).collect(),
            edges: self.edges.into_iter().map(edge).collect(),
            traces,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_durations_that_occurred() {
        let mut calls = Calls { nanos: (1..=200).rev().collect(), errors: 0 };
        assert_eq!(calls.percentiles(), [100, 190, 198]);
        assert_eq!(Calls { nanos: vec![7], errors: 0 }.percentiles(), [7, 7, 7]);
        assert_eq!(Calls::default().percentiles(), [0, 0, 0]);
    }
}
