//! What a program adds to its environment: exporters it registered, and limits of its backends.

use crate::config::{Limits, TracerType};

/// Changes limits for a backend.
pub type BackendLimits<'a> = dyn Fn(&TracerType, &mut Limits) + 'a;

/// What the program knows and the environment builds on.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Program<'a> {
    /// Names of the exporters it registered, which TRACER_TYPE takes beside the built-in ones.
    pub registered: &'a [String],
    /// Changes the limits' defaults for a backend, before the environment's own apply; called once for each chosen type.
    pub limits: Option<&'a BackendLimits<'a>>,
}

impl<'a> Program<'a> {
    /// With these exporters registered.
    pub fn registered(mut self, names: &'a [String]) -> Self {
        self.registered = names;
        self
    }

    /// With these defaults for backends.
    pub fn limits(mut self, limits: &'a BackendLimits<'a>) -> Self {
        self.limits = Some(limits);
        self
    }
}
