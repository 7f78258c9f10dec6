//! What the workspace's tests share: real trace backends, started on loopback and read back from.
//!
//! `cargo xtask provision` puts the servers into a cache folder ([`layout`] says where); the
//! launchers in [`servers`] start them from there.

pub mod layout;
#[cfg(feature = "servers")]
pub mod servers;
