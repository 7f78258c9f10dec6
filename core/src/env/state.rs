//! The user's directory for state, where finished spans are kept unless a variable says otherwise.

use std::path::PathBuf;

use super::environment;
use crate::spool::place::default_base;

/// Where this user's trace servers keep traces unless told otherwise; `None` for a user without a home.
pub fn server_directory() -> Option<PathBuf> {
    Some(spool_directory()?.parent()?.join("traces"))
}

/// Where this user's tracers keep finished spans; `None` for a user without a home.
pub(crate) fn spool_directory() -> Option<PathBuf> {
    let environment = environment();
    default_base(environment.get("XDG_STATE_HOME"), environment.get("HOME"))
}
