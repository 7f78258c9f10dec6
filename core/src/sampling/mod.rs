//! Head sampling: whether a new trace is recorded. Children and remote callers' traces follow their parent.

use std::fmt;

use crate::ids::TraceId;

/// The decision for traces that start here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    rate: f64,
    /// Traces whose low 56 bits are at least this are recorded.
    threshold: u64,
}

impl Sampler {
    const RANDOM_BITS: u64 = 1 << 56;

    /// Records about `rate` (0 to 1) of all traces: the same ones in every service, for the decision is read off the
    /// trace identifier's last seven bytes, as W3C Trace Context level 2 and OpenTelemetry's consistent sampling do.
    pub fn ratio(rate: f64) -> Self {
        let rate = if rate.is_nan() { 1.0 } else { rate.clamp(0.0, 1.0) };
        Self { rate, threshold: ((1.0 - rate) * Self::RANDOM_BITS as f64).round() as u64 }
    }

    /// Whether a trace that starts here is recorded.
    #[inline]
    pub fn records(&self, trace_id: TraceId) -> bool {
        self.threshold == 0 || trace_id.to_int() as u64 & (Self::RANDOM_BITS - 1) >= self.threshold
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parentbased_ratio({})", self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_right_and_nested() {
        let mut random = crate::recorder::Random::new();
        let ids: Vec<_> = (0..20_000).map(|_| random.trace_id()).collect();
        let share =
            |rate| ids.iter().filter(|id| Sampler::ratio(rate).records(**id)).count() as f64 / 20_000.0;
        assert_eq!(share(0.0), 0.0);
        assert_eq!(share(1.0), 1.0);
        assert!((share(0.1) - 0.1).abs() < 0.02, "{}", share(0.1));
        let (tenth, half) = (Sampler::ratio(0.1), Sampler::ratio(0.5));
        assert!(ids.iter().all(|id| !tenth.records(*id) || half.records(*id)), "a lower rate is a subset");
    }
}
