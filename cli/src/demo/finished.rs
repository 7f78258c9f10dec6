//! Tells whoever prints which traces have ended, without ever holding up a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tracer_factory::TraceId;

/// Traces that wait for being printed; more are only counted.
const MOST_WAITING: usize = 256;

#[derive(Clone)]
pub(super) struct Finished {
    sender: mpsc::Sender<TraceId>,
    missed: Arc<AtomicU64>,
}

pub(crate) struct FinishedTraces {
    receiver: mpsc::Receiver<TraceId>,
    missed: Arc<AtomicU64>,
}

pub(super) fn channel() -> (Finished, FinishedTraces) {
    let (sender, receiver) = mpsc::channel(MOST_WAITING);
    let missed = Arc::new(AtomicU64::new(0));
    (Finished { sender, missed: Arc::clone(&missed) }, FinishedTraces { receiver, missed })
}

impl Finished {
    pub(super) fn on_drop(&self, trace_id: TraceId) -> FinishedOnDrop<'_> {
        FinishedOnDrop { finished: self, trace_id }
    }
}

pub(super) struct FinishedOnDrop<'a> {
    finished: &'a Finished,
    trace_id: TraceId,
}

impl Drop for FinishedOnDrop<'_> {
    fn drop(&mut self) {
        if self.finished.sender.try_send(self.trace_id).is_err() {
            self.finished.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl FinishedTraces {
    /// The next trace; `None` when no gateway is left.
    pub(crate) async fn next(&mut self) -> Option<TraceId> {
        self.receiver.recv().await
    }

    /// How many could not be told since the last time this was asked.
    pub(crate) fn take_missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_is_counted() {
        let (finished, mut traces) = channel();
        for number in 1..=MOST_WAITING + 3 {
            drop(finished.on_drop(TraceId::from_int(number as u128)));
        }
        assert_eq!(traces.next().await, Some(TraceId::from_int(1)));
        assert_eq!((traces.take_missed(), traces.take_missed()), (3, 0));
    }
}
