//! Wall-clock nanoseconds from the processor's time-stamp counter where it is reliable.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use quanta::Clock;

/// A counter's value and the time at which it had that.
struct Anchor {
    clock: Clock,
    count: u64,
    unix_nanos: u64,
    /// Nanoseconds in 2^32 counts.
    rate: u64,
}

static ANCHOR: LazyLock<Anchor> = LazyLock::new(Anchor::new);

impl Anchor {
    fn new() -> Self {
        let clock = Clock::new();
        let rate = clock.delta_as_nanos(0, 1 << 32);
        // Of many readings the one whose two counts are closest together: nothing came between.
        let reading = |_| {
            let before = clock.raw();
            let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let after = clock.raw();
            (after.wrapping_sub(before), before, time.as_nanos() as u64)
        };
        let (between, before, unix_nanos) = (0..64).map(reading).min().unwrap_or_default();
        Self { count: before.wrapping_add(between / 2), unix_nanos, rate, clock }
    }
}

/// Nanoseconds since the Unix epoch. Never goes back within a process.
#[inline]
pub(crate) fn now() -> u64 {
    let anchor = &*ANCHOR;
    let counts = anchor.clock.raw().saturating_sub(anchor.count);
    anchor.unix_nanos + ((u128::from(counts) * u128::from(anchor.rate)) >> 32) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall_clock() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
    }

    #[test]
    fn agrees_with_the_wall_clock() {
        const CLOSE: u64 = 50_000_000;
        let (before, ours, after) = (wall_clock(), now(), wall_clock());
        assert!(before - CLOSE < ours && ours < after + CLOSE, "{before} {ours} {after}");
    }

    #[test]
    fn never_goes_back() {
        let times: Vec<_> = (0..10_000).map(|_| now()).collect();
        assert!(times.is_sorted());
    }
}
