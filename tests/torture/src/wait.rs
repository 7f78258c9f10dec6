//! The one place that looks again and again: for what the system tells nobody of, such as files that grow and threads
//! that are traced.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

const PAUSE: Duration = Duration::from_millis(5);

/// Repeats `look` until it finds something; `None` when it has not within `limit`.
pub fn until<T>(limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let deadline = Instant::now() + limit;
    loop {
        let found = look()?;
        let left = deadline.saturating_duration_since(Instant::now());
        if found.is_some() || left.is_zero() {
            return Ok(found);
        }
        thread::sleep(PAUSE.min(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_found_and_what_does_not_is_given_up() {
        let mut looks = 0;
        let mut third = || {
            looks += 1;
            Ok((looks == 3).then_some("there"))
        };
        assert_eq!(until(Duration::from_secs(60), &mut third).unwrap(), Some("there"));
        assert_eq!(until(Duration::ZERO, || Ok(None::<()>)).unwrap(), None);
        assert!(until(Duration::from_secs(60), || Err::<Option<()>, _>(anyhow::anyhow!("broken"))).is_err());
    }
}
