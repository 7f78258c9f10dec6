//! What values are in Python, where the package's rules depend on it.

pub(crate) mod attribute;
pub(crate) mod digits;
pub(crate) mod literal;
pub(crate) mod number;
pub(crate) mod seconds;
pub(crate) mod unflatten;
