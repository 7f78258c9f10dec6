//! OpenTelemetry as a guest: its API over our recorder, and one context for both.
//!
//! `bridge` is what contexts and scopes call; without the feature it is a twin that does nothing.
//! Native scopes attach an OpenTelemetry context only once a guest was installed, so that nobody else pays.

#[cfg(feature = "guest")]
mod bridge;
#[cfg(not(feature = "guest"))]
#[path = "no_bridge.rs"]
mod bridge;
#[cfg(feature = "guest")]
mod convert;
#[cfg(feature = "guest")]
mod provider;
#[cfg(feature = "guest")]
mod roots;
#[cfg(feature = "guest")]
mod span;

pub(crate) use bridge::{attach, current_context, detach, end, is_installed, open, parent_for};
#[cfg(feature = "guest")]
pub use provider::{GuestTracer, GuestTracerProvider};
#[cfg(feature = "guest")]
pub(crate) use roots::OpenRoot;
#[cfg(feature = "guest")]
pub use span::GuestSpan;
