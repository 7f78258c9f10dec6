//! The delivery thread: gathers lanes into batches and runs one task for each destination.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::batch::Batch;
use super::destination::{DeliveryError, Destination, Outcome};
use super::retry::back_off;
use super::state::{DestinationState, reason};
use super::{Flush, Shared};

/// How often a destination may panic on one batch.
const PANICS: u32 = 3;
/// What a destination may take to close, after everything else.
const CLOSE: Duration = Duration::from_secs(1);

/// Runs until told to stop. Everything here is on one thread.
pub(super) fn run(runtime: Runtime, shared: &Arc<Shared>, destinations: Vec<Box<dyn Destination>>) {
    crate::recorder::suppress_this_thread();
    runtime.block_on(async {
        let (abandon, abandoned) = watch::channel(false);
        let tasks: Vec<_> = shared
            .destinations
            .iter()
            .zip(destinations)
            .map(|(state, destination)| {
                let task = DestinationTask {
                    state: Arc::clone(state),
                    destination,
                    urgent: shared.urgent.subscribe(),
                    abandoned: abandoned.clone(),
                    random: fastrand::Rng::new(),
                };
                tokio::spawn(task.run())
            })
            .collect();
        let deadline = gather_until_stopped(shared).await;
        let left = deadline.saturating_duration_since(Instant::now());
        let _ = tokio::time::timeout(left, all_settled(shared)).await;
        let _ = abandon.send(true);
        for task in tasks {
            let _ = tokio::time::timeout(CLOSE, task).await;
        }
        for state in &shared.destinations {
            state.abandon(reason::SHUTDOWN);
        }
    });
    // A name look-up that hangs must not hold the process.
    runtime.shutdown_background();
}

/// Gathers at each tick, when a lane fills up, and on request. Returns teardown's deadline.
async fn gather_until_stopped(shared: &Arc<Shared>) -> Instant {
    loop {
        tokio::select! {
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(shared.config.schedule_delay) => {}
        }
        // Before gathering: whoever asked had ended its spans by then, and they are among what is gathered now.
        let (flushes, stop) = shared.take_requests();
        shared.gather();
        crate::recorder::keep_time();
        if !flushes.is_empty() || stop.is_some() {
            // Whoever waits between two attempts tries now.
            shared.urgent.send_modify(|count| *count += 1);
        }
        for flush in flushes {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                all_settled(&shared).await;
                answer(flush);
            });
        }
        if let Some(deadline) = stop {
            return deadline;
        }
    }
}

fn answer(flush: Flush) {
    // Whoever asked may have stopped waiting.
    let _ = flush.send(());
}

/// Until everything that has been gathered by now is dealt with.
async fn all_settled(shared: &Shared) {
    for state in &shared.destinations {
        let target = state.received();
        loop {
            let settled = state.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if state.settled_count() >= target {
                break;
            }
            settled.await;
        }
    }
}

struct DestinationTask {
    state: Arc<DestinationState>,
    destination: Box<dyn Destination>,
    urgent: watch::Receiver<u64>,
    abandoned: watch::Receiver<bool>,
    random: fastrand::Rng,
}

impl DestinationTask {
    async fn run(mut self) {
        let mut abandoned = self.abandoned.clone();
        loop {
            let state = Arc::clone(&self.state);
            let batch = tokio::select! {
                biased;
                batch = state.next() => batch,
                _ = abandoned.wait_for(|abandoned| *abandoned) => break,
            };
            tokio::select! {
                () = self.deliver(&batch) => {}
                _ = abandoned.wait_for(|abandoned| *abandoned) => break,
            }
        }
        let _ = catch(async { self.destination.close().await }).await;
    }

    /// Until the batch is settled, one way or the other.
    async fn deliver(&mut self, batch: &Batch) {
        let (mut attempt, mut panics) = (0, 0);
        loop {
            self.urgent.mark_unchanged();
            let after = match catch(async { self.destination.deliver(batch).await }).await {
                Ok(Outcome::Delivered(what)) => return self.state.delivered(&what),
                Ok(Outcome::Rejected(error)) => return self.state.rejected(error),
                Ok(Outcome::Retry { after, error }) => {
                    self.state.failed(error, "spans are not delivered; trying again");
                    after
                }
                Err(payload) => {
                    let words = crate::exception::panic_text(&*payload);
                    let error = DeliveryError::new(
                        self.state.endpoint(),
                        format!("the destination panicked: {words}"),
                    );
                    self.state.failed(error, "a destination panicked");
                    panics += 1;
                    if panics == PANICS {
                        return self.state.dropped(reason::PANIC);
                    }
                    None
                }
            };
            match after {
                // What the receiver asked for holds, whoever is in a hurry. Asked for no time at all, ours holds.
                Some(after) => {
                    tokio::time::sleep(after.max(back_off(attempt, &mut self.random))).await;
                }
                None => tokio::select! {
                    () = tokio::time::sleep(back_off(attempt, &mut self.random)) => {}
                    _ = self.urgent.changed() => {}
                },
            }
            attempt += 1;
        }
    }
}

/// Runs a future whose panic is a result.
async fn catch<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    tokio::pin!(future);
    poll_fn(|task| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await
}
