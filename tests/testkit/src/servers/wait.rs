//! Waiting for what another process does: look, pause a little longer each time, give up in the end.

use std::thread;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Repeats `look` until it is `Ok`, or gives its last `Err` once `within` has passed.
pub(super) fn poll<T, E>(within: Duration, mut look: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let deadline = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    loop {
        let result = look();
        let left = deadline.saturating_duration_since(Instant::now());
        if result.is_ok() || left.is_zero() {
            return result;
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_until_it_is_there() {
        let mut looks = 0;
        let found = poll(Duration::from_secs(10), || {
            looks += 1;
            if looks == 4 { Ok("there") } else { Err("not yet") }
        });
        assert_eq!(found, Ok("there"));
        assert_eq!(looks, 4);
    }

    #[test]
    fn looks_at_least_once_and_gives_the_last_error() {
        assert_eq!(poll(Duration::ZERO, || Err::<(), _>("no")), Err("no"));
        let mut looks = 0;
        let result: Result<(), _> = poll(Duration::from_millis(20), || {
            looks += 1;
            Err(looks)
        });
        assert_eq!(result, Err(looks));
        assert!(looks > 1);
    }
}
