//! Times as the package has them: seconds in 64-bit floats, whose rounding decides what is a tie.

/// Below this many "nanoseconds" the package takes a number to be seconds already.
const SECONDS_ALREADY: u64 = 1_000_000_000_000;

/// Nanoseconds since the epoch as the package's seconds; none for zero, which is how OTLP says "unknown".
pub(crate) fn seconds(nanos: u64) -> Option<f64> {
    if nanos == 0 {
        return None;
    }
    if nanos <= SECONDS_ALREADY {
        return Some(nanos as f64);
    }
    // Python divides whole numbers with one rounding; a float division would round twice.
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000).parse().ok()
}

/// Seconds as nanoseconds, for what compares exactly.
pub(crate) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_rounded_once() {
        assert_eq!(seconds(0), None);
        assert_eq!(seconds(5), Some(5.0));
        assert_eq!(seconds(1_700_000_000_500_000_000), Some(1_700_000_000.5));
        assert_eq!(seconds(1_000_000_000_001), Some(1_000.000_000_001));
        assert_eq!(nanos(1.5), 1_500_000_000);
    }
}
