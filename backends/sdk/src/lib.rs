//! The sdk backend.
