//! When a destination may be tried: back-off with full jitter, what the receiver asked for, and a breaker that
//! lets one small request through after a run of failures. Pure: time comes in, decisions go out.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;
/// A refused connection leaves less doubt.
const REFUSALS: u32 = 2;
/// Someone who waits for a flush cuts a back-off short, but never below this, however many wait.
const HURRIED: Duration = Duration::from_millis(100);

/// A destination's circuit, as health shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Circuit {
    /// Batches are sent as they come.
    #[default]
    Closed,
    /// Nothing is sent, after several failures in a row.
    Open,
    /// One small batch is on its way to find out whether the receiver is back.
    HalfOpen,
}

/// May a batch be sent?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Any batch.
    Send,
    /// One batch, a small one when there is a choice, and nothing else until its outcome is told.
    Probe,
    /// Nothing before then, unless an outcome or a hurry changes that.
    Wait(Instant),
}

/// Why a batch did not arrive, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Failure {
    /// How long the receiver asked to be left alone.
    pub(crate) after: Option<Duration>,
    /// [`DeliveryError::is_nobody_there`](super::DeliveryError::is_nobody_there).
    pub(crate) refused: bool,
}

/// One destination's state. Tell it every outcome, ask it before every request.
#[derive(Debug)]
pub(crate) struct Breaker {
    circuit: Circuit,
    since: Instant,
    /// In a row.
    failures: u32,
    refusals: u32,
    failed_at: Option<Instant>,
    /// What the receiver asked for; nothing cuts it short.
    floor: Instant,
    /// The floor and our own back-off.
    next: Instant,
    probed_at: Instant,
    /// After this, a probe whose outcome nobody told is taken for lost.
    probe_limit: Duration,
    random: fastrand::Rng,
}

impl Breaker {
    /// Closed. `probe_limit` is longer than any request may take.
    pub(crate) fn new(now: Instant, probe_limit: Duration, random: fastrand::Rng) -> Self {
        Self {
            circuit: Circuit::Closed,
            since: now,
            failures: 0,
            refusals: 0,
            failed_at: None,
            floor: now,
            next: now,
            probed_at: now,
            probe_limit,
            random,
        }
    }

    /// Where it stands, and since when it is closed or is not: a probe in between is no news.
    pub(crate) fn circuit(&self) -> (Circuit, Instant) {
        (self.circuit, self.since)
    }

    /// Asks for leave to send. After [`Permission::Probe`] the outcome has to be told.
    pub(crate) fn ask(&mut self, now: Instant) -> Permission {
        match self.circuit {
            Circuit::HalfOpen => {
                let lost = later(self.probed_at, self.probe_limit);
                if now < lost {
                    return Permission::Wait(lost);
                }
                self.probed_at = now;
                Permission::Probe
            }
            _ if now < self.next => Permission::Wait(self.next),
            Circuit::Closed => Permission::Send,
            Circuit::Open => {
                self.turn(Circuit::HalfOpen, now);
                self.probed_at = now;
                Permission::Probe
            }
        }
    }

    /// The receiver answered: it took the batch, or refused it for what is in it. Either way it is there.
    pub(crate) fn answered(&mut self, now: Instant) {
        (self.failures, self.refusals, self.failed_at) = (0, 0, None);
        (self.floor, self.next) = (now, now);
        self.turn(Circuit::Closed, now);
    }

    /// The batch has to be sent again. True when this opened the circuit, which is worth saying once.
    pub(crate) fn failed(&mut self, now: Instant, failure: Failure) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.refusals = if failure.refused { self.refusals.saturating_add(1) } else { 0 };
        self.failed_at = Some(now);
        // With several requests on their way, the longest wait that any of them was told holds.
        self.floor = self.floor.max(later(now, failure.after.unwrap_or_default()));
        // Jitter on top of what was asked for: a thousand workers were told the same.
        let back_off = back_off(self.failures - 1, &mut self.random);
        self.next = later(self.floor, back_off);
        let closed = self.circuit == Circuit::Closed;
        if !closed || self.failures >= FAILURES || self.refusals >= REFUSALS {
            self.turn(Circuit::Open, now);
        }
        closed && self.circuit == Circuit::Open
    }

    /// Somebody waits for a flush or for teardown: the next request need not wait for our own back-off.
    pub(crate) fn hurry(&mut self, now: Instant) {
        let soon = self.failed_at.map_or(now, |failed| later(failed, HURRIED));
        self.next = self.next.min(soon.max(now)).max(self.floor);
    }

    fn turn(&mut self, circuit: Circuit, now: Instant) {
        if (self.circuit == Circuit::Closed) != (circuit == Circuit::Closed) {
            self.since = now;
        }
        self.circuit = circuit;
    }
}

/// A random time below a cap that doubles with each attempt. Several workers that lost one receiver do not come back as one.
pub(crate) fn back_off(attempt: u32, random: &mut fastrand::Rng) -> Duration {
    let cap = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);
    cap.mul_f64(random.f64())
}

/// `Instant` has an end, which differs from system to system.
fn later(at: Instant, wait: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 31_557_600);
    at.checked_add(wait.min(CENTURY)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROBE_LIMIT: Duration = Duration::from_secs(15);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn breaker(now: Instant, seed: u64) -> Breaker {
        Breaker::new(now, PROBE_LIMIT, fastrand::Rng::with_seed(seed))
    }

    /// Waits as told; the time and the leave that was given then.
    fn wait(breaker: &mut Breaker, mut now: Instant) -> (Instant, Permission) {
        loop {
            match breaker.ask(now) {
                Permission::Wait(until) => {
                    assert!(until > now, "waiting for the past would spin");
                    now = until;
                }
                permission => return (now, permission),
            }
        }
    }

    fn open(breaker: &mut Breaker, mut now: Instant) -> Instant {
        while breaker.circuit().0 != Circuit::Open {
            now = wait(breaker, now).0;
            breaker.failed(now, Failure::default());
        }
        now
    }

    #[test]
    fn stays_below_a_growing_cap() {
        let mut random = fastrand::Rng::with_seed(7);
        for (attempt, cap) in [(0, 500), (1, 1000), (3, 4000), (9, 30_000), (u32::MAX, 30_000)] {
            let longest = (0..200).map(|_| back_off(attempt, &mut random).as_millis()).max().unwrap();
            assert!(longest <= cap && longest > cap / 2, "{attempt}: {longest}");
        }
    }

    #[test]
    fn opens_after_a_run_of_failures_and_says_so_once() {
        let mut now = Instant::now();
        let mut breaker = breaker(now, 1);
        let mut opened = Vec::new();
        for _ in 0..FAILURES + 3 {
            now = wait(&mut breaker, now).0;
            opened.push(breaker.failed(now, Failure::default()));
        }
        let expected: Vec<bool> = (1..=FAILURES + 3).map(|n| n == FAILURES).collect();
        assert_eq!(opened, expected);
    }

    #[test]
    fn an_answer_between_failures_keeps_it_closed() {
        let mut now = Instant::now();
        let mut breaker = breaker(now, 2);
        for _ in 0..4 * FAILURES {
            for _ in 1..FAILURES {
                now = wait(&mut breaker, now).0;
                assert!(!breaker.failed(now, Failure::default()));
            }
            now = wait(&mut breaker, now).0;
            breaker.answered(now);
            assert_eq!(breaker.ask(now), Permission::Send, "no back-off is left over");
        }
    }

    #[test]
    fn a_refused_connection_opens_it_sooner() {
        let now = Instant::now();
        let refused = Failure { after: None, refused: true };
        let mut breaker = breaker(now, 3);
        assert!(!breaker.failed(now, refused));
        assert!(!breaker.failed(now, Failure::default()), "not in a row");
        assert!(!breaker.failed(now, refused));
        assert!(breaker.failed(now, refused));
    }

    #[test]
    fn while_open_one_probe_goes_and_decides() {
        let start = Instant::now();
        let mut breaker = breaker(start, 4);
        let opened = open(&mut breaker, start);
        let (now, permission) = wait(&mut breaker, opened);
        assert_eq!(permission, Permission::Probe);
        assert_eq!(breaker.circuit().0, Circuit::HalfOpen);
        assert_eq!(breaker.ask(now), Permission::Wait(now + PROBE_LIMIT), "one at a time");
        assert!(!breaker.failed(now, Failure::default()));
        assert_eq!(breaker.circuit(), (Circuit::Open, opened));
        let (now, permission) = wait(&mut breaker, now);
        assert_eq!(permission, Permission::Probe);
        breaker.answered(now);
        assert_eq!((breaker.circuit(), breaker.ask(now)), ((Circuit::Closed, now), Permission::Send));
    }

    #[test]
    fn a_probe_that_nobody_tells_of_is_followed_by_another() {
        let start = Instant::now();
        let mut breaker = breaker(start, 5);
        let opened = open(&mut breaker, start);
        let (first, _) = wait(&mut breaker, opened);
        assert_eq!(wait(&mut breaker, first), (first + PROBE_LIMIT, Permission::Probe));
    }

    #[test]
    fn a_hurry_cuts_our_back_off_and_not_what_was_asked_for() {
        let start = Instant::now();
        let mut breaker = breaker(start, 6);
        for _ in 0..20 {
            breaker.failed(start, Failure::default());
        }
        breaker.hurry(start);
        assert_eq!(wait(&mut breaker, start), (start + HURRIED, Permission::Probe));
        let failed = start + HURRIED;
        breaker.failed(failed, Failure { after: Some(ms(600_000)), refused: false });
        breaker.hurry(failed + ms(1));
        assert_eq!(wait(&mut breaker, failed).0, failed + ms(600_000));
    }

    /// However many wait, a dead receiver is not tried more often than every tenth of a second.
    #[test]
    fn many_in_a_hurry_are_not_a_storm() {
        let start = Instant::now();
        let mut breaker = breaker(start, 7);
        let mut tried = 0;
        for tick in 0..10_000 {
            let now = start + ms(tick);
            breaker.hurry(now);
            if !matches!(breaker.ask(now), Permission::Wait(_)) {
                tried += 1;
                breaker.failed(now, Failure { after: None, refused: true });
            }
        }
        assert_eq!(tried, 100);
    }

    /// Workers that lost one receiver at the same moment, and were told the same, come back one by one.
    #[test]
    fn a_thousand_workers_do_not_come_back_as_one() {
        let start = Instant::now();
        for after in [None, Some(ms(15_000))] {
            let mut buckets = [0; 40];
            for seed in 0..1000 {
                let mut breaker = breaker(start, seed);
                for _ in 0..FAILURES {
                    breaker.failed(start, Failure { after, refused: false });
                }
                let (at, _) = wait(&mut breaker, start);
                let waited = at - start - after.unwrap_or_default();
                buckets[(waited.as_millis() / 200) as usize] += 1;
            }
            // The cap is 8 s by now: 40 buckets of 25 on average.
            assert!(buckets.iter().all(|n| (5..60).contains(n)), "{after:?}: {buckets:?}");
        }
    }

    #[test]
    fn absurd_waits_do_not_overflow() {
        let start = Instant::now();
        let mut breaker = breaker(start, 8);
        breaker.failed(start, Failure { after: Some(Duration::MAX), refused: false });
        assert!(matches!(breaker.ask(start), Permission::Wait(_)));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Pass(u64),
        Ask,
        Hurry,
        Answer,
        Fail(Option<u64>, bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u64..20_000).prop_map(Step::Pass),
            Just(Step::Ask),
            Just(Step::Ask),
            Just(Step::Hurry),
            Just(Step::Answer),
            (proptest::option::of(0u64..700_000), any::<bool>())
                .prop_map(|(after, refused)| Step::Fail(after, refused)),
        ]
    }

    proptest! {
        #[test]
        fn never_earlier_than_asked_and_never_for_ever(seed: u64, steps in prop::collection::vec(step(), 1..200)) {
            let start = Instant::now();
            let mut breaker = breaker(start, seed);
            let (mut now, mut floor, mut probing) = (start, start, None::<Instant>);
            for step in steps {
                match step {
                    Step::Pass(passed) => now += ms(passed),
                    Step::Hurry => breaker.hurry(now),
                    Step::Answer => {
                        breaker.answered(now);
                        (floor, probing) = (now, None);
                    }
                    Step::Fail(after, refused) => {
                        let after = after.map(ms);
                        breaker.failed(now, Failure { after, refused });
                        floor = floor.max(now + after.unwrap_or_default());
                        probing = None;
                    }
                    Step::Ask => match breaker.ask(now) {
                        Permission::Wait(until) => prop_assert!(until > now),
                        permission => {
                            prop_assert!(now >= floor, "earlier than the receiver asked");
                            prop_assert!(probing.is_none_or(|since| now >= since + PROBE_LIMIT), "beside a probe");
                            prop_assert_eq!(permission == Permission::Probe, breaker.circuit().0 == Circuit::HalfOpen);
                            probing = (permission == Permission::Probe).then_some(now);
                        }
                    },
                }
            }
            let (at, _) = wait(&mut breaker, now);
            prop_assert!(at <= floor.max(now) + LONGEST.max(PROBE_LIMIT), "tried again before long");
        }
    }
}
