//! Wall-clock nanoseconds from the processor's time-stamp counter where it is reliable.
//!
//! The counter alone says how much time passes within a span. Where it stands against the wall clock is an anchor, which
//! is renewed now and then, so that spans that start later follow steps of the clock and times of sleep.

use std::sync::LazyLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quanta::Clock;
use tracer_factory_ring::fork;

/// A counter's value and the time at which it had that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    pub(super) count: u64,
    pub(super) unix_nanos: u64,
}

/// The clock that all threads share. Without a lock, since a fork may leave a child in the middle of a renewal: the anchor
/// in use is in one of two places, and only the other one is written.
#[derive(Debug)]
struct SharedClock {
    clock: Clock,
    /// Nanoseconds in 2^32 counts.
    rate: u64,
    anchors: [Anchor; 2],
    /// Raised after each change; its lowest bit is the place of the anchor in use.
    version: AtomicU64,
    /// The process that renews the anchor, while it does; 0 otherwise. One that was forked from it is not in its way.
    renewing: AtomicU64,
}

#[derive(Debug, Default)]
struct Anchor {
    count: AtomicU64,
    unix_nanos: AtomicU64,
}

static SHARED: LazyLock<SharedClock> = LazyLock::new(|| SharedClock::new(wall_nanos));

/// Looks at the processor's counter, once for all.
pub(super) fn set_up() {
    LazyLock::force(&SHARED);
}

fn wall_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

impl SharedClock {
    /// The first version; 0 is that of a thread that has not looked yet.
    const FIRST: u64 = 2;

    fn new(wall: impl Fn() -> u64) -> Self {
        let clock = Clock::new();
        let rate = clock.delta_as_nanos(0, 1 << 32);
        let anchor = take_anchor(&clock, wall);
        let shared = Self {
            clock,
            rate,
            anchors: Default::default(),
            version: AtomicU64::new(Self::FIRST),
            renewing: AtomicU64::new(0),
        };
        shared.anchor(Self::FIRST).store(anchor);
        shared
    }

    fn anchor(&self, version: u64) -> &Anchor {
        let [even, odd] = &self.anchors;
        if version.is_multiple_of(2) { even } else { odd }
    }

    fn keep(&self, at_most: Duration, wall: impl Fn() -> u64) {
        let (here, renewing) = (fork::generation(), self.renewing.load(Relaxed));
        if renewing == here || self.renewing.compare_exchange(renewing, here, Acquire, Relaxed).is_err() {
            // Another thread is at it.
            return;
        }
        let version = self.version.load(Relaxed);
        let since = nanos(self.clock.raw().saturating_sub(self.anchor(version).load().count), self.rate);
        if u128::from(since) >= at_most.as_nanos() {
            // Whoever sees a part of what comes also sees that the version is not the one before any more.
            fence(Release);
            self.anchor(version.wrapping_add(1)).store(take_anchor(&self.clock, wall));
            self.version.store(version.wrapping_add(1), Release);
        }
        self.renewing.store(0, Release);
    }

    /// The anchor in use and its version.
    fn read(&self) -> (u64, Moment) {
        loop {
            let version = self.version.load(Acquire);
            let anchor = self.anchor(version).load();
            fence(Acquire);
            // Its place is written again only when there is a newer one.
            if self.version.load(Relaxed) == version {
                return (version, anchor);
            }
        }
    }
}

impl Anchor {
    fn load(&self) -> Moment {
        Moment { count: self.count.load(Relaxed), unix_nanos: self.unix_nanos.load(Relaxed) }
    }

    fn store(&self, moment: Moment) {
        self.count.store(moment.count, Relaxed);
        self.unix_nanos.store(moment.unix_nanos, Relaxed);
    }
}

/// Of many readings the one whose two counts are closest together: nothing came between.
fn take_anchor(clock: &Clock, wall: impl Fn() -> u64) -> Moment {
    let reading = |_| {
        let before = clock.raw();
        let unix_nanos = wall();
        (clock.raw().wrapping_sub(before), before, unix_nanos)
    };
    let (between, before, unix_nanos) = (0..64).map(reading).min().unwrap_or_default();
    Moment { count: before.wrapping_add(between / 2), unix_nanos }
}

/// Looks at the wall clock anew when that was not done for a second. For whoever has time for it again and again.
pub(crate) fn keep_time() {
    SHARED.keep(Duration::from_secs(1), wall_nanos);
}

#[inline(always)]
fn nanos(counts: u64, rate: u64) -> u64 {
    ((u128::from(counts) * u128::from(rate)) >> 32) as u64
}

/// One thread's view of the clock: the anchor is copied, so that a reading touches nothing shared but its version.
#[derive(Debug)]
pub(super) struct ThreadClock {
    shared: &'static SharedClock,
    clock: Clock,
    rate: u64,
    version: u64,
    anchor: Moment,
}

impl ThreadClock {
    pub(super) fn new() -> Self {
        Self::of(&SHARED)
    }

    fn of(shared: &'static SharedClock) -> Self {
        let (clock, rate) = (shared.clock.clone(), shared.rate);
        Self { shared, clock, rate, version: 0, anchor: Moment::default() }
    }

    /// Now.
    #[inline(always)]
    pub(super) fn now(&mut self) -> Moment {
        if self.version != self.shared.version.load(Relaxed) {
            self.renew();
        }
        let count = self.clock.raw();
        let since = nanos(count.saturating_sub(self.anchor.count), self.rate);
        Moment { count, unix_nanos: self.anchor.unix_nanos.wrapping_add(since) }
    }

    #[cold]
    #[inline(never)]
    fn renew(&mut self) {
        (self.version, self.anchor) = self.shared.read();
    }
}

/// Counts from one moment on, whatever becomes of the wall clock. It may be taken to another thread.
#[derive(Debug)]
pub(super) struct Stopwatch {
    clock: Clock,
    rate: u64,
    from: Moment,
}

impl Default for Stopwatch {
    fn default() -> Self {
        let shared = &*SHARED;
        Self { clock: shared.clock.clone(), rate: shared.rate, from: Moment::default() }
    }
}

impl Stopwatch {
    #[inline(always)]
    pub(super) fn start(&mut self, from: Moment) {
        self.from = from;
    }

    /// The time now, as far from the start as the counter is.
    #[inline(always)]
    pub(super) fn now(&self) -> Moment {
        let count = self.clock.raw();
        let since = nanos(count.saturating_sub(self.from.count), self.rate);
        Moment { count, unix_nanos: self.from.unix_nanos.wrapping_add(since) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSE: u64 = 50_000_000;
    const YEAR: u64 = 365 * 86_400 * 1_000_000_000;

    fn leaked(wall: impl Fn() -> u64) -> &'static SharedClock {
        Box::leak(Box::new(SharedClock::new(wall)))
    }

    #[test]
    fn agrees_with_the_wall_clock() {
        let mut clock = ThreadClock::new();
        let (before, ours, after) = (wall_nanos(), clock.now().unix_nanos, wall_nanos());
        assert!(before - CLOSE < ours && ours < after + CLOSE, "{before} {ours} {after}");
    }

    #[test]
    fn goes_back_only_with_the_wall_clock() {
        let mut clock = ThreadClock::of(leaked(wall_nanos));
        let times: Vec<_> = (0..10_000).map(|_| clock.now().unix_nanos).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn a_new_anchor_is_followed_by_what_starts_later_and_not_by_what_runs() {
        let shared = leaked(wall_nanos);
        let mut clock = ThreadClock::of(shared);
        let mut running = Stopwatch::default();
        let start = clock.now();
        running.start(start);
        for shifted in [10 * YEAR as i64, -10 * YEAR as i64] {
            let wall = move || wall_nanos().wrapping_add_signed(shifted);
            shared.keep(Duration::ZERO, wall);
            let (before, later) = (wall(), clock.now().unix_nanos);
            assert!(later.abs_diff(before) < CLOSE, "{later} {before}");
            let elapsed = running.now().unix_nanos - start.unix_nanos;
            assert!(elapsed < YEAR / 365, "{elapsed}: a running span's time does not jump");
        }
    }

    #[test]
    fn readers_never_see_half_an_anchor() {
        let shared = leaked(|| YEAR);
        let changing = std::thread::spawn(|| {
            for turn in 0..2_000 {
                shared.keep(Duration::ZERO, || YEAR * (1 + turn % 2));
            }
        });
        let mut clock = ThreadClock::of(shared);
        while !changing.is_finished() {
            let now = clock.now().unix_nanos;
            let off = (now - YEAR).min(now.abs_diff(2 * YEAR));
            assert!(off < 60_000_000_000, "{now}");
        }
        changing.join().unwrap();
    }

    /// As a child finds it that was forked while another thread was renewing.
    #[test]
    fn half_a_renewal_is_in_nobodys_way() {
        let shared = leaked(wall_nanos);
        shared.renewing.store(fork::generation().wrapping_add(1000), Relaxed);
        shared.anchor(SharedClock::FIRST + 1).store(Moment { count: 1, unix_nanos: 2 * YEAR });
        let mut clock = ThreadClock::of(shared);
        let (now, ours) = (wall_nanos(), clock.now().unix_nanos);
        assert!(ours.abs_diff(now) < CLOSE, "{ours} {now}");
        shared.keep(Duration::ZERO, || YEAR);
        assert!(clock.now().unix_nanos.abs_diff(YEAR) < CLOSE, "and it is renewed");
        assert_eq!(shared.renewing.load(Relaxed), 0);
    }
}
