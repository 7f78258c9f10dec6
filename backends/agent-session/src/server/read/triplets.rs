//! `GET /api/triplets`: what a trainer learns from, out of a trace or a session.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::decode_request;
use tracer_factory_triplets::{Extraction, Options, PatternError, extract};

use super::{reading, serialize};
use crate::server::answer::{failure, with_type};
use crate::server::shared::Shared;
use crate::store::{ReadError, Store};

/// Of a longer trace the work is not the server's: strict rules take time by the square of it.
const MOST_SPANS: usize = 20_000;

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asked {
    trace_id: Option<String>,
    session_id: Option<String>,
    llm_call_match: Option<String>,
    agent_match: Option<String>,
    reward_match: Option<String>,
    final_reward: Option<f64>,
    strict: bool,
    why: bool,
    proxy: bool,
}

impl Asked {
    fn options(&self) -> Result<Options, String> {
        let mut builder = Options::builder().strict(self.strict).why(self.why).proxy(self.proxy);
        if let Some(policy) = &self.reward_match {
            builder = builder.reward_match(policy.parse().map_err(|error| format!("{error}"))?);
        }
        if let Some(pattern) = &self.llm_call_match {
            builder = builder.llm_call_match(pattern);
        }
        if let Some(pattern) = &self.agent_match {
            builder = builder.agent_match(pattern);
        }
        if let Some(reward) = self.final_reward {
            builder = builder.final_reward(reward);
        }
        builder.build().map_err(|error: PatternError| error.to_string())
    }
}

/// Why there are none.
enum Refusal {
    NotStored(String),
    TooLong { trace_id: TraceId, spans: usize },
    Unfit(String),
}

pub(crate) async fn triplets(
    State(state): State<Shared>,
    headers: HeaderMap,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let asked = match query {
        Ok(Query(asked)) => asked,
        Err(error) => return failure(StatusCode::BAD_REQUEST, error.body_text()),
    };
    let options = match asked.options() {
        Ok(options) => options,
        Err(error) => return failure(StatusCode::BAD_REQUEST, error),
    };
    let why = asked.why;
    let found = match (&asked.trace_id, &asked.session_id) {
        (Some(id), None) => {
            let Ok(id) = id.parse::<TraceId>() else {
                return failure(StatusCode::BAD_REQUEST, "a trace id has 32 hexadecimal digits");
            };
            reading(&state, move |store| of_traces(store, &[id], &options)).await
        }
        (None, Some(id)) => {
            let id = id.clone();
            reading(&state, move |store| of_session(store, &id, &options)).await
        }
        _ => return failure(StatusCode::BAD_REQUEST, "either trace_id or session_id says whose triplets"),
    };
    match found {
        Err(response) => response,
        Ok(Err(Refusal::NotStored(what))) => failure(StatusCode::NOT_FOUND, format!("{what} is not stored")),
        Ok(Err(Refusal::TooLong { trace_id, spans })) => failure(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "trace {trace_id} has {spans} spans, and the server looks at {MOST_SPANS} at most: save it and run tracer-factory triplets"
            ),
        ),
        Ok(Err(Refusal::Unfit(error))) => failure(StatusCode::UNPROCESSABLE_ENTITY, error),
        Ok(Ok(extraction)) if wants_lines(&headers) => {
            with_type(StatusCode::OK, "application/jsonl", extraction.to_json_lines())
        }
        Ok(Ok(extraction)) if why => serialize(&extraction),
        Ok(Ok(extraction)) => serialize(&extraction.triplets),
    }
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/jsonl") || kind.eq_ignore_ascii_case("application/x-ndjson")
    })
}

/// A session's traces, the earliest first; each is a tree of its own.
fn of_session(store: &Store, id: &str, options: &Options) -> Result<Result<Extraction, Refusal>, ReadError> {
    let Some(session) = store.session(id)? else {
        let id: String = id.chars().take(100).collect();
        return Ok(Err(Refusal::NotStored(format!("session {id:?}"))));
    };
    let ids: Vec<TraceId> = session.traces.iter().filter_map(|trace| trace.trace_id.parse().ok()).collect();
    of_traces(store, &ids, options)
}

fn of_traces(
    store: &Store,
    ids: &[TraceId],
    options: &Options,
) -> Result<Result<Extraction, Refusal>, ReadError> {
    let mut all = Extraction::default();
    for id in ids {
        let Some(request) = store.request_of(*id)? else {
            return Ok(Err(Refusal::NotStored(format!("trace {id}"))));
        };
        let spans = match decode_request(&request) {
            Ok(spans) if spans.len() > MOST_SPANS => {
                return Ok(Err(Refusal::TooLong { trace_id: *id, spans: spans.len() }));
            }
            Ok(spans) => spans,
            Err(error) => return Ok(Err(Refusal::Unfit(format!("trace {id} can't be read: {error}")))),
        };
        match extract(&spans, options) {
            Ok(Extraction { triplets, why }) => {
                all.triplets.extend(triplets);
                all.why.extend(why);
            }
            Err(error) => return Ok(Err(Refusal::Unfit(format!("trace {id}: {error}")))),
        }
    }
    Ok(Ok(all))
}
