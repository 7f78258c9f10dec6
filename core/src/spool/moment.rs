//! Moments that a later process can compare with its own, whatever somebody did to the wall clock in between.

use std::time::{Duration, SystemTime};

/// A point in time: exact within one boot of the machine, by the wall clock across boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Which boot; zero when the system does not say.
    pub(super) boot: u128,
    /// Milliseconds since it.
    pub(super) since_boot: u64,
    /// Milliseconds since 1970.
    pub(super) wall: u64,
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (boot, since_boot) = this_boot();
        Self { boot, since_boot, wall: wall.as_millis() as u64 }
    }

    /// How long before this moment the other was; `None` when the clocks can't tell.
    pub(super) fn since(&self, other: &Self) -> Option<Duration> {
        let milliseconds = if self.boot != 0 && self.boot == other.boot {
            self.since_boot.checked_sub(other.since_boot)
        } else {
            self.wall.checked_sub(other.wall)
        };
        milliseconds.map(Duration::from_millis)
    }

    /// A moment later in the same boot.
    pub(super) fn plus(&self, milliseconds: u32) -> Self {
        let by = u64::from(milliseconds);
        Self {
            boot: self.boot,
            since_boot: self.since_boot.saturating_add(by),
            wall: self.wall.saturating_add(by),
        }
    }
}

#[cfg(target_os = "linux")]
fn this_boot() -> (u128, u64) {
    use tracer_factory_ring::fork::PerProcess;
    // It is the same in a child, which must not wait for a thread of its parent that was just reading it.
    static BOOT: PerProcess<u128> = PerProcess::new();
    let boot = *BOOT.get(|_| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        u128::from_str_radix(&digits, 16).unwrap_or_default()
    });
    // Unlike the monotonic clock, this one also counts while the machine sleeps.
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let milliseconds = time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000;
    (boot, milliseconds)
}

#[cfg(not(target_os = "linux"))]
fn this_boot() -> (u128, u64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_YEARS: u64 = 10 * 365 * 24 * 3600 * 1000;

    #[test]
    fn within_a_boot_the_wall_clock_does_not_matter() {
        let then = Moment { boot: 7, since_boot: 1000, wall: 2 * TEN_YEARS };
        for wall in [TEN_YEARS, 3 * TEN_YEARS] {
            let now = Moment { boot: 7, since_boot: 3000, wall };
            assert_eq!(now.since(&then), Some(Duration::from_secs(2)));
        }
    }

    #[test]
    fn across_boots_only_the_wall_clock_is_left() {
        let then = Moment { boot: 7, since_boot: 9000, wall: 5000 };
        assert_eq!(Moment { boot: 8, since_boot: 0, wall: 6000 }.since(&then), Some(Duration::from_secs(1)));
        assert_eq!(Moment { boot: 8, since_boot: 0, wall: 4000 }.since(&then), None);
    }

    #[test]
    fn an_unknown_boot_is_not_the_same_as_another_unknown_one() {
        let then = Moment { boot: 0, since_boot: 0, wall: 5000 };
        assert_eq!(Moment { boot: 0, since_boot: 90, wall: 6000 }.since(&then), Some(Duration::from_secs(1)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_names_its_boots() {
        let now = Moment::now();
        assert!(now.boot != 0 && now.since_boot > 0);
    }
}
