//! Identifiers: two generators a thread, so that a trace identifier has 128 bits of state behind it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::SystemTime;

use crate::ids::{SpanId, TraceId};

#[derive(Debug)]
pub(crate) struct Random {
    high: fastrand::Rng,
    low: fastrand::Rng,
}

impl Random {
    /// Seeded by the operating system, through the standard library's hash keys.
    pub(crate) fn new() -> Self {
        let seed = || {
            let mut hasher = RandomState::new().build_hasher();
            // After a fork the keys are the parent's as well; what follows tells a child from it, and from its siblings.
            hasher.write_u32(std::process::id());
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            hasher.write_u128(now.as_nanos());
            hasher.finish()
        };
        Self { high: fastrand::Rng::with_seed(seed()), low: fastrand::Rng::with_seed(seed()) }
    }

    #[inline(always)]
    pub(crate) fn trace_id(&mut self) -> TraceId {
        loop {
            let (high, low) = (self.high.u64(..), self.low.u64(..));
            if high | low != 0 {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&high.to_ne_bytes());
                bytes[8..].copy_from_slice(&low.to_ne_bytes());
                return TraceId::from_bytes(bytes);
            }
        }
    }

    #[inline(always)]
    pub(crate) fn span_id(&mut self) -> SpanId {
        loop {
            let id = self.low.u64(..);
            if id != 0 {
                return SpanId::from_bytes(id.to_ne_bytes());
            }
        }
    }
}
