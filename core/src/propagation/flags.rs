//! The bits of [`TraceFlags`] beyond "sampled". The two lower ones are W3C's and go on the wire;
//! the others hold, within the process, what B3 and Jaeger say and `traceparent` has no bit for.

use crate::ids::TraceFlags;

const SAMPLED: u8 = 0x01;
const RANDOM: u8 = 0x02;
const DEBUG: u8 = 0x04;
const DEFERRED: u8 = 0x08;

impl TraceFlags {
    /// At least the right-most seven bytes of the trace id are random (W3C level 2).
    pub const RANDOM: Self = Self::from_byte(RANDOM);
    /// Sampled, and past every sampler on the way: B3's and Jaeger's debug flag.
    pub const DEBUG: Self = Self::from_byte(DEBUG | SAMPLED);
    /// The sender left the sampling decision to the receiver (B3 without a sampling state).
    pub const DEFERRED: Self = Self::from_byte(DEFERRED);

    /// Whether the trace id can be used as a source of randomness.
    pub const fn is_random(self) -> bool {
        self.to_byte() & RANDOM != 0
    }

    /// Whether samplers have no say.
    pub const fn is_debug(self) -> bool {
        self.to_byte() & (DEBUG | SAMPLED) == DEBUG | SAMPLED
    }

    /// Whether nobody has decided yet.
    pub const fn is_deferred(self) -> bool {
        self.to_byte() & (DEFERRED | SAMPLED) == DEFERRED
    }

    /// The bits W3C has defined, the only ones that may be in a `traceparent` or an OTLP span.
    pub const fn to_w3c_byte(self) -> u8 {
        self.to_byte() & (SAMPLED | RANDOM)
    }

    /// The flags of a child once its sampling is decided: randomness stays, debug stays with a
    /// sampled one, deferral ends.
    pub const fn decided(self, sampled: bool) -> Self {
        let kept =
            if sampled { self.to_byte() & (RANDOM | DEBUG) | SAMPLED } else { self.to_byte() & RANDOM };
        Self::from_byte(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_ends_deferral_and_keeps_the_rest() {
        assert_eq!(TraceFlags::DEFERRED.decided(true), TraceFlags::SAMPLED);
        assert_eq!(TraceFlags::DEBUG.decided(true), TraceFlags::DEBUG);
        assert_eq!(TraceFlags::DEBUG.decided(false), TraceFlags::NONE);
        assert_eq!(TraceFlags::from_byte(0xff).decided(false), TraceFlags::RANDOM);
        assert!(TraceFlags::DEBUG.is_sampled());
    }

    #[test]
    fn no_flags_are_both_debug_and_deferred() {
        let both = |flags: &TraceFlags| flags.is_debug() && flags.is_deferred();
        assert_eq!((0..=u8::MAX).map(TraceFlags::from_byte).find(both), None);
        assert!(!TraceFlags::from_byte(0x04).is_debug());
    }

    #[test]
    fn only_two_bits_leave_the_process() {
        assert_eq!(TraceFlags::from_byte(0xff).to_w3c_byte(), 0x03);
        assert_eq!(TraceFlags::DEFERRED.to_w3c_byte(), 0);
    }
}
