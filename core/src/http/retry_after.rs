//! The `Retry-After` header: seconds or a date.

use std::time::{Duration, SystemTime};

use ::http::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longer waits than a day are taken for one: a receiver's slip must not silence a worker for good.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the receiver asks to be left alone, as a length of time, which later steps of the clock do not change; zero for a date in the past, `None` for what is neither form.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number too large for 64 bits fails here.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    // Two dates of one clock are a span of time, however wrong that clock or ours may be.
    let sent = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    Some(date.duration_since(sent.unwrap_or(now)).unwrap_or_default().min(LONGEST))
}

/// The cap for waits that other protocols ask for.
pub(super) fn capped(wait: Duration) -> Duration {
    wait.min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn both_forms_and_neither() {
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("600"), Some(600));
        assert_eq!(read("99999999999999999999999"), Some(86_400));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:52 GMT"), Some(15));
        assert_eq!(read("Sunday, 06-Nov-94 08:49:52 GMT"), Some(15));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for neither in ["", "-1", "+5", "1.5", "soon", "Sun, 99 Nov 1994 08:49:52 GMT"] {
            assert_eq!(read(neither), None, "{neither}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }

    #[test]
    fn a_date_is_measured_by_the_receivers_own_clock() {
        let headers = HeaderMap::from_iter([
            (DATE, "Sun, 06 Nov 1994 08:49:30 GMT".parse().unwrap()),
            (RETRY_AFTER, "Sun, 06 Nov 1994 08:50:00 GMT".parse().unwrap()),
        ]);
        for years in [-20, 0, 20_i32] {
            let decades = Duration::from_secs(u64::from(years.unsigned_abs()) * 31_557_600);
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
            let now = if years < 0 { now - decades } else { now + decades };
            assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(30)), "{years}");
        }
    }
}
