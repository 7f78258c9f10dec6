//! `GET /api/live`: the traces that change, as server-sent events.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::server::answer::failure;
use crate::server::shared::Shared;

/// Between two events.
const PAUSE: Duration = Duration::from_millis(200);
/// After this long without an event a comment tells both sides that the other is there.
const SILENCE: Duration = Duration::from_secs(15);
/// In one event; further ones are seen by asking for the list.
const MOST_TRACES: usize = 200;

pub(crate) async fn live(State(state): State<Shared>) -> Response {
    let Some(place) = state.live_place() else {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "too many pages are watching; close some");
    };
    // One event waits at most: a slow reader gets fewer and larger ones.
    let (events, stream) = mpsc::channel(1);
    tokio::spawn(async move {
        let closing = state.closing();
        tokio::select! {
            () = closing => {}
            () = watch(&state, &events) => {}
        }
        drop(place);
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))];
    (headers, Body::new(Events(stream))).into_response()
}

/// Until nobody reads any more.
async fn watch(state: &Shared, events: &mpsc::Sender<Bytes>) {
    let mut changes = state.store().changes();
    let Some(mut since) = newest_turn(state).await else { return };
    // So that the reader knows that it is connected, and misses nothing that comes after.
    if events.send(Bytes::from_static(b": connected\n\n")).await.is_err() {
        return;
    }
    loop {
        let changed = tokio::select! {
            changed = timeout(SILENCE, changes.changed()) => changed,
            () = events.closed() => return,
        };
        let event = match changed {
            Err(_) => Bytes::from_static(b": still here\n\n"),
            Ok(Err(_)) => return,
            Ok(Ok(())) => {
                let next = Instant::now() + PAUSE;
                let store = state.clone();
                let read =
                    tokio::task::spawn_blocking(move || store.store().changed(since, MOST_TRACES)).await;
                let Ok(Ok((traces, newest))) = read else { return };
                since = newest;
                if traces.is_empty() {
                    continue;
                }
                let Ok(data) = serde_json::to_string(&serde_json::json!({ "traces": traces })) else {
                    return;
                };
                if events.send(format!("event: traces\ndata: {data}\n\n").into()).await.is_err() {
                    return;
                }
                sleep_until(next).await;
                continue;
            }
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}

async fn newest_turn(state: &Shared) -> Option<u64> {
    let state = state.clone();
    let read = tokio::task::spawn_blocking(move || state.store().changed(0, 0)).await;
    read.ok()?.ok().map(|(_, newest)| newest)
}

/// The body of an answer that never ends by itself.
struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
