//! The peers, with exporters that discard.

pub(crate) mod fastrace;
pub(crate) mod sdk;
pub(crate) mod tracing;
