//! `GET /api/facets`: what filters can ask for.

use axum::extract::State;
use axum::response::Response;

use super::answer;
use crate::server::shared::Shared;

pub(crate) async fn facets(State(state): State<Shared>) -> Response {
    answer(&state, |store| store.facets()).await
}
