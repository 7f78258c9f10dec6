//! Comparisons with the peers.
