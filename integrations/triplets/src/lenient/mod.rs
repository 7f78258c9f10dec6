//! The default.
pub(crate) mod reward;
