//! The settings that all Go builds share, so that they also share Go's build cache.

use std::process::Command;

/// Static binaries, whatever C compiler the machine has or has not.
pub(super) fn configure(go: &mut Command) {
    go.env("CGO_ENABLED", "0");
    // Neither a workspace nor a repository around the cache folder is any of their business.
    go.env("GOWORK", "off").env("GOFLAGS", "-buildvcs=false");
}
