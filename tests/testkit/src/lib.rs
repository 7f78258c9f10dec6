//! What the workspace's tests share: real trace backends, started on loopback and read back from.
//!
//! `cargo xtask provision` puts the servers into a cache folder ([`layout`] says where); the
//! launchers in [`servers`] start them from there. [`faults`] breaks the connections to them, and counts.

#[cfg(feature = "faults")]
pub mod faults;
pub mod layout;
#[cfg(feature = "servers")]
pub mod servers;
