//! The delivery thread: gathers lanes into batches, keeps house, and runs one task for each destination.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

use super::breaker::Breaker;
use super::destination::Destination;
use super::task::{DestinationTask, Held};
use super::{Flush, Shared};
use crate::config::bounds::TIMEOUT;

/// What all destinations together may take to close, within the deadline.
const CLOSE: Duration = Duration::from_secs(1);
/// The same when little of the deadline is left, or nothing.
const CLOSE_LATE: Duration = Duration::from_millis(250);
/// Longer than any request may take.
const PROBE: Duration = Duration::from_millis(TIMEOUT.max + 1000);
/// What destinations have to take what fills a lane, before it is put on disk.
const SOON: Duration = Duration::from_millis(5);
/// How often what other processes left is looked for.
const LOOK: Duration = Duration::from_secs(30);
/// How often the clock is looked after, and old files go.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Runs until told to stop. Everything here is on one thread.
pub(super) fn run(runtime: Runtime, shared: &Arc<Shared>, destinations: Vec<Box<dyn Destination>>) {
    crate::recorder::suppress_this_thread();
    runtime.block_on(async {
        let (abandon, abandoned) = watch::channel(false);
        let tasks: Vec<_> = destinations
            .into_iter()
            .enumerate()
            .map(|(number, destination)| {
                let task = DestinationTask {
                    shared: Arc::clone(shared),
                    number,
                    destination,
                    urgent: shared.urgent.subscribe(),
                    abandoned: abandoned.clone(),
                    breaker: Breaker::new(Instant::now(), PROBE, fastrand::Rng::new()),
                    held: Held::nothing(),
                };
                tokio::spawn(task.run())
            })
            .collect();
        let house = tokio::spawn(keep_house(Arc::clone(shared)));
        let look = tokio::spawn(look_around(Arc::clone(shared), abandoned.clone()));
        let deadline = gather_until_stopped(shared).await;
        let left = deadline.saturating_duration_since(Instant::now());
        let _ = tokio::time::timeout(left, shared.log.all_settled()).await;
        shared.recovery.close();
        let _ = abandon.send(true);
        let now = Instant::now();
        let end = (now + CLOSE).min(deadline).max(now + CLOSE_LATE);
        for task in tasks {
            let _ = tokio::time::timeout_at(end.into(), task).await;
        }
        house.abort();
        let _ =
            tokio::time::timeout(CLOSE.min(deadline.saturating_duration_since(Instant::now())), look).await;
        if let Some(refused) = &shared.refused {
            refused.close(end.saturating_duration_since(Instant::now()));
        }
        shared.log.close();
        shared.recovery.let_go();
        shared.release_lanes();
    });
    // A name look-up that hangs must not hold the process.
    runtime.shutdown_background();
}

/// Gathers at each tick, when a lane fills up, and on request. Returns teardown's deadline.
async fn gather_until_stopped(shared: &Arc<Shared>) -> Instant {
    let mut delay = shared.config.schedule_delay;
    loop {
        tokio::select! {
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(delay) => {}
        }
        // Before gathering: whoever asked had ended its spans by then, and they are among what is gathered now.
        let (flushes, stop) = shared.take_requests();
        let soon = shared.gather();
        delay = if soon { SOON } else { shared.config.schedule_delay };
        crate::recorder::keep_time();
        if !flushes.is_empty() || stop.is_some() {
            // Whoever waits between two attempts tries now.
            shared.urgent.send_modify(|count| *count += 1);
        }
        for flush in flushes {
            tokio::spawn(answer(flush, Arc::clone(shared)));
        }
        if let Some(deadline) = stop {
            return deadline;
        }
    }
}

/// Answers once everything so far is settled, for as long as somebody waits.
async fn answer(Flush { answer, until }: Flush, shared: Arc<Shared>) {
    let settled = shared.log.all_settled();
    let in_time = match until {
        Some(until) => tokio::time::timeout_at(until.into(), settled).await.is_ok(),
        None => {
            settled.await;
            true
        }
    };
    if in_time {
        // Whoever asked may have stopped waiting a moment ago.
        let _ = answer.send(());
    }
}

/// What is due by the clock.
async fn keep_house(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(HOUSEKEEPING.min(shared.sync_every()));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        shared.log.keep_house(Instant::now());
        shared.release_lanes();
        if let Some(unsynced) = shared.log.take_unsynced() {
            // A disk may take long over this, and destinations share the thread.
            if let Ok(synced) = tokio::task::spawn_blocking(move || unsynced.sync()).await {
                shared.log.synced(synced);
            }
        }
    }
}

/// Looks for what earlier processes left, on a thread of its own each time: it reads and writes as much as they left.
async fn look_around(shared: Arc<Shared>, mut abandoned: watch::Receiver<bool>) {
    if !shared.recovery.looks() {
        return;
    }
    loop {
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("tracer-leftovers".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                crate::recorder::suppress_this_thread();
                shared.recovery.look_around();
                drop(shared);
                drop(end);
            }
        });
        // Without a thread there may be one the next time.
        if thread.is_ok() {
            let _ = ended.await;
        }
        tokio::select! {
            _ = abandoned.wait_for(|abandoned| *abandoned) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
