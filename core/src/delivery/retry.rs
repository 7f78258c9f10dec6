//! How long to wait before trying again: full jitter under a growing cap.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// A random time below a cap that doubles with each attempt. Several workers that lost one receiver do not come back as one.
pub(crate) fn back_off(attempt: u32, random: &mut fastrand::Rng) -> Duration {
    let cap = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);
    cap.mul_f64(random.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_below_a_growing_cap() {
        let mut random = fastrand::Rng::with_seed(7);
        for (attempt, cap) in [(0, 500), (1, 1000), (3, 4000), (9, 30_000), (u32::MAX, 30_000)] {
            let longest = (0..200).map(|_| back_off(attempt, &mut random).as_millis()).max().unwrap();
            assert!(longest <= cap && longest > cap / 2, "{attempt}: {longest}");
        }
    }
}
