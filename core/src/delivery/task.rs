//! One destination at work: a batch at a time, tried until it is settled one way or the other.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Shared;
use super::batch::Batch;
use super::breaker::{Breaker, Circuit, Failure, Permission};
use super::destination::{DeliveryError, Destination, Outcome};
use super::ledger::reason;
use super::recovery::Recovered;

/// How often a destination may panic on one batch.
const PANICS: u32 = 3;
/// Spans of a probe: little for a receiver that is just coming back, and for one that breaks the connection
/// over what is too large for it instead of saying so.
const PROBE: usize = 64;
/// A receiver that refuses what an earlier process left because of who sends it, or where, is left alone for this long,
/// and for twice as long each further time.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

pub(super) struct DestinationTask {
    pub(super) shared: Arc<Shared>,
    /// Its number among the tracer's destinations.
    pub(super) number: usize,
    pub(super) destination: Box<dyn Destination>,
    pub(super) urgent: watch::Receiver<u64>,
    pub(super) abandoned: watch::Receiver<bool>,
    pub(super) breaker: Breaker,
    pub(super) held: Held,
}

/// What an earlier process left and is not taken for now: it waits here and on disk, and nothing else waits for it.
pub(super) struct Held {
    what: Option<(Recovered, Vec<Arc<Batch>>)>,
    until: Instant,
    pause: Duration,
}

impl Held {
    pub(super) fn nothing() -> Self {
        Self { what: None, until: Instant::now(), pause: FIRST_PAUSE }
    }

    /// The parts that are left of it, when it is time for another attempt.
    async fn again(&mut self) -> (Recovered, Vec<Arc<Batch>>) {
        tokio::time::sleep_until(self.until.into()).await;
        match self.what.take() {
            Some(what) => what,
            None => std::future::pending().await,
        }
    }
}

/// Where a batch came from, and so which account it is settled in.
enum Source {
    Log,
    Recovered(Recovered),
}

/// A batch, or what is left of one that was begun.
struct Work {
    source: Source,
    /// The next one last.
    parts: Vec<Arc<Batch>>,
    /// Whether it was refused before, as anything would have been.
    was_held: bool,
}

/// How a part of a batch was settled.
enum Settled {
    Delivered(super::destination::Delivered),
    Rejected(DeliveryError),
    Dropped(&'static str),
}

/// What is to be done next.
enum Attempt {
    Settled(Settled),
    TooLarge(DeliveryError),
    /// The circuit is open now.
    Opened,
}

impl DestinationTask {
    pub(super) async fn run(mut self) {
        let mut abandoned = self.abandoned.clone();
        loop {
            let work = tokio::select! {
                biased;
                _ = abandoned.wait_for(|abandoned| *abandoned) => break,
                work = self.next() => work,
            };
            tokio::select! {
                () = self.deliver(work) => {}
                _ = abandoned.wait_for(|abandoned| *abandoned) => break,
            }
        }
        let _ = catch(async { self.destination.close().await }).await;
    }

    /// This process' own spans first; what an earlier one left, when there are none.
    async fn next(&mut self) -> Work {
        let Self { shared, held, number, .. } = self;
        let left = async {
            if held.what.is_some() {
                let (recovered, parts) = held.again().await;
                return Work { source: Source::Recovered(recovered), parts, was_held: true };
            }
            let recovered = shared.recovery.next(*number).await;
            let parts = vec![Arc::clone(&recovered.batch)];
            Work { source: Source::Recovered(recovered), parts, was_held: false }
        };
        tokio::select! {
            biased;
            batch = shared.log.next(*number) => Work { source: Source::Log, parts: vec![batch], was_held: false },
            work = left => work,
        }
    }

    /// Until the batch is settled, in parts when it is too large for the receiver.
    async fn deliver(&mut self, Work { mut source, mut parts, was_held }: Work) {
        // After a refusal of whatever comes, little is sent to find out whether that has changed.
        let mut small = was_held;
        if let Source::Recovered(recovered) = &source
            && was_held
        {
            self.shared.recovery.hold(self.number, false);
            if self.shared.recovery.is_given_up(recovered) {
                let given_up = || Settled::Dropped(reason::EXPIRED);
                parts.drain(..).for_each(|part| self.settle(&source, &part, given_up()));
            }
        }
        while let Some(part) = parts.pop() {
            if (small || self.breaker.circuit().0 != Circuit::Closed)
                && part.len() > PROBE
                && let Some((older, newer)) = part.split()
            {
                parts.extend([Arc::new(newer), Arc::new(older)]);
                continue;
            }
            let kept = match self.attempt(&part).await {
                Attempt::Settled(Settled::Rejected(error)) => self.refuse(&source, part, error),
                Attempt::Settled(settled) => {
                    if let Settled::Delivered(_) = settled {
                        // Whoever takes this may take everything now.
                        (small, self.held.until, self.held.pause) = (false, Instant::now(), FIRST_PAUSE);
                    }
                    self.settle(&source, &part, settled);
                    Ok(())
                }
                Attempt::TooLarge(error) => match part.split() {
                    Some((older, newer)) => {
                        parts.extend([Arc::new(newer), Arc::new(older)]);
                        Ok(())
                    }
                    None => self.refuse(&source, part, error),
                },
                Attempt::Opened => {
                    parts.push(part);
                    Ok(())
                }
            };
            match (kept, source) {
                (Err((part, error)), Source::Recovered(recovered)) => {
                    parts.push(part);
                    return self.hold(recovered, parts, error);
                }
                (_, same) => source = same,
            }
        }
        match source {
            Source::Log => {
                self.shared.log.finish(self.number);
                self.shared.release_lanes();
            }
            Source::Recovered(recovered) => self.shared.recovery.finish(self.number, &recovered),
        }
    }

    /// Settles a part that is refused for good, unless it is kept for another attempt. That is so for what an earlier
    /// process left: where any batch would have been refused, and where a replay can't write to its file what it was
    /// refused. Live spans are counted as rejected at once, as OTLP has it; their program is there to hear of it.
    fn refuse(
        &self,
        source: &Source,
        part: Arc<Batch>,
        error: DeliveryError,
    ) -> Result<(), (Arc<Batch>, DeliveryError)> {
        if let Source::Recovered(_) = source {
            if error.is_of_any_batch() {
                return Err((part, error));
            }
            // Nothing goes on beside a replay that this could hold up.
            let kept =
                self.shared.lasting.as_ref().map(|file| file.keep(&error.endpoint, &error.what, &part));
            if let Some(Err(why)) = kept {
                let what = format!("{}; what is refused could not be written to a file: {why}", error.what);
                return Err((part, DeliveryError::new(error.endpoint, what)));
            }
        }
        self.settle(source, &part, Settled::Rejected(error));
        Ok(())
    }

    /// Keeps what an earlier process left for another attempt. Its cursor stays, and so do the files.
    fn hold(&mut self, recovered: Recovered, parts: Vec<Arc<Batch>>, error: DeliveryError) {
        let what =
            "what an earlier process left is refused, whatever is in it: it is kept and tried again later";
        self.shared.log.failed(self.number, error, what);
        let pause = self.held.pause;
        self.held = Held {
            what: Some((recovered, parts)),
            until: Instant::now() + pause,
            pause: (2 * pause).min(LONGEST_PAUSE),
        };
        self.shared.recovery.hold(self.number, true);
    }

    fn settle(&self, source: &Source, part: &Arc<Batch>, settled: Settled) {
        let (log, spans) = (&self.shared.log, part.len() as u64);
        if let (Settled::Rejected(error), Some(refused)) = (&settled, &self.shared.refused) {
            refused.keep(&error.endpoint, &error.what, part);
        }
        match (source, settled) {
            (Source::Log, Settled::Delivered(what)) => log.delivered(self.number, spans, &what),
            (Source::Log, Settled::Rejected(error)) => log.rejected(self.number, spans, error),
            (Source::Log, Settled::Dropped(reason)) => log.dropped(self.number, spans, reason),
            (Source::Recovered(recovered), settled) => {
                self.shared.recovery.settle(self.number, recovered, spans, |tally| match &settled {
                    Settled::Delivered(what) => tally.deliver(spans, what),
                    Settled::Rejected(_) => tally.rejected += spans,
                    Settled::Dropped(reason) => tally.drop_spans(reason, spans),
                });
                if let Settled::Rejected(error) = settled {
                    log.failed(self.number, error, "spans of an earlier process were refused for good");
                }
            }
        }
    }

    /// Until there is an answer that does not mean to try again, or the circuit opens.
    async fn attempt(&mut self, batch: &Batch) -> Attempt {
        let mut panics = 0;
        loop {
            self.wait_for_leave().await;
            self.urgent.mark_unchanged();
            let outcome = catch(async { self.destination.deliver(batch).await }).await;
            let log = &self.shared.log;
            let failure = match outcome {
                Ok(Outcome::Retry { after, error }) => {
                    let refused = error.is_nobody_there();
                    log.failed(self.number, error, "spans are not delivered; trying again");
                    Failure { after, refused }
                }
                Ok(answer) => {
                    self.breaker.answered(Instant::now());
                    self.show_circuit();
                    return match answer {
                        Outcome::Delivered(what) => Attempt::Settled(Settled::Delivered(what)),
                        Outcome::TooLarge(error) => Attempt::TooLarge(error),
                        Outcome::Rejected(error) | Outcome::Retry { error, .. } => {
                            Attempt::Settled(Settled::Rejected(error))
                        }
                    };
                }
                Err(payload) => {
                    let words = crate::exception::panic_text(&*payload);
                    let error = log.error_of(self.number, format!("the destination panicked: {words}"));
                    log.failed(self.number, error, "a destination panicked");
                    panics += 1;
                    if panics == PANICS {
                        // The batch did it, not the receiver.
                        self.breaker.answered(Instant::now());
                        return Attempt::Settled(Settled::Dropped(reason::PANIC));
                    }
                    Failure::default()
                }
            };
            let opened = self.breaker.failed(Instant::now(), failure);
            self.show_circuit();
            if opened {
                return Attempt::Opened;
            }
        }
    }

    /// Until the breaker lets a request through. Whoever waits for a flush shortens what it has chosen itself.
    async fn wait_for_leave(&mut self) {
        while let Permission::Wait(until) = self.breaker.ask(Instant::now()) {
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {}
                _ = self.urgent.changed() => self.breaker.hurry(Instant::now()),
            }
        }
        self.show_circuit();
    }

    fn show_circuit(&self) {
        let (circuit, since) = self.breaker.circuit();
        self.shared.log.set_circuit(self.number, circuit, since);
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
