//! Identifiers: two generators a thread, so that a trace identifier has 128 bits of state behind it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::SystemTime;

use tracer_factory_ring::fork;

use crate::ids::{SpanId, TraceId};

#[derive(Debug)]
pub(crate) struct Random {
    high: fastrand::Rng,
    low: fastrand::Rng,
    /// The process that it was seeded in: a child would go on with the very identifiers that its parent goes on with.
    generation: u64,
}

impl Random {
    /// Seeded by the operating system, through the standard library's hash keys.
    pub(crate) fn new() -> Self {
        let generation = fork::generation();
        let seed = || {
            let mut hasher = RandomState::new().build_hasher();
            // After a fork the keys are the parent's as well; what follows tells a child from it, and from its siblings.
            hasher.write_u64(generation);
            hasher.write_u32(std::process::id());
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            hasher.write_u128(now.as_nanos());
            hasher.finish()
        };
        Self { high: fastrand::Rng::with_seed(seed()), low: fastrand::Rng::with_seed(seed()), generation }
    }

    #[inline]
    fn of_this_process(&mut self) -> &mut Self {
        if self.generation != fork::generation() {
            self.renew();
        }
        self
    }

    #[cold]
    fn renew(&mut self) {
        *self = Self::new();
    }

    #[inline]
    pub(crate) fn trace_id(&mut self) -> TraceId {
        let own = self.of_this_process();
        loop {
            let id = u128::from(own.high.u64(..)) << 64 | u128::from(own.low.u64(..));
            if id != 0 {
                return TraceId::from_bytes(id.to_ne_bytes());
            }
        }
    }

    #[inline]
    pub(crate) fn span_id(&mut self) -> SpanId {
        let own = self.of_this_process();
        loop {
            let id = own.low.u64(..);
            if id != 0 {
                return SpanId::from_bytes(id.to_ne_bytes());
            }
        }
    }
}
