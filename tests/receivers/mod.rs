//! Receivers on loopback for the tests: they take what every backend sends, and count it by service.
// Each test program uses some of it.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

mod dead;
mod grpc;
mod http;
mod thrift;
mod udp;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub(crate) use dead::{Refusing, Silent};
pub(crate) use grpc::start as grpc;
pub(crate) use http::{Answer, start as http};
pub(crate) use udp::start as udp;

/// What was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Otlp,
    Zipkin,
    Jaeger,
}

/// Spans by protocol and service.
#[derive(Debug, Default)]
pub(crate) struct Received {
    spans: Mutex<HashMap<(Protocol, String), u64>>,
    changed: Condvar,
}

impl Received {
    fn add(&self, protocol: Protocol, services: impl IntoIterator<Item = String>) {
        let mut spans = self.spans.lock().unwrap();
        for service in services {
            *spans.entry((protocol, service)).or_default() += 1;
        }
        self.changed.notify_all();
    }
}

/// A receiver that runs as long as the process.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Received>,
}

impl Receiver {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Spans of `service` so far.
    pub(crate) fn spans(&self, protocol: Protocol, service: &str) -> u64 {
        self.received.spans.lock().unwrap().get(&(protocol, service.to_owned())).copied().unwrap_or_default()
    }

    /// The same, as soon as there are `count` or the patience has ended: what was sent by UDP is still on its way.
    pub(crate) fn wait_for(&self, protocol: Protocol, service: &str, count: u64) -> u64 {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut spans = self.received.spans.lock().unwrap();
        loop {
            let found = spans.get(&(protocol, service.to_owned())).copied().unwrap_or_default();
            let left = deadline.saturating_duration_since(Instant::now());
            if found >= count || left.is_zero() {
                return found;
            }
            spans = self.received.changed.wait_timeout(spans, left).unwrap().0;
        }
    }
}

/// A name that no other tracer of these tests has.
pub(crate) fn unique_service(what: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Zipkin keeps names in lower case.
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).to_lowercase()
}
