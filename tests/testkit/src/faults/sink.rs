//! A receiver of OTLP over HTTP and gRPC, on one port, that knows how often each span arrived.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;

use super::answer::{Answer, GRPC_PREFIX, serve};
use super::scan;
use super::thread::Background;

/// Listens while it lives. A request is confirmed once its spans are counted, not before.
#[derive(Debug)]
pub struct CountingSink {
    address: SocketAddr,
    store: Arc<Store>,
    _thread: Background,
}

#[derive(Debug)]
struct Store {
    limit: usize,
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    /// How often each span arrived.
    times: HashMap<u64, u32, BuildHasherDefault<RandomAlready>>,
    spans: u64,
    requests: u64,
    refused: u64,
}

/// What arrived of the spans that should have. Each figure counts spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Never arrived.
    pub lost: u64,
    /// Arrivals beyond each span's first.
    pub duplicated: u64,
    /// Arrived, and nobody expected them.
    pub unexpected: u64,
}

impl CountingSink {
    /// On a free port of loopback.
    pub fn start() -> io::Result<Self> {
        Self::with_limit(usize::MAX)
    }

    /// One that refuses requests of more than so many bytes, uncompressed, as receivers of each protocol do.
    pub fn with_limit(bytes: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let store = Arc::new(Store { limit: bytes, counts: Mutex::default(), changed: Condvar::new() });
        let shared = Arc::clone(&store);
        let thread = Background::start("counting-sink", move || async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // Too many open files: some of them will be closed.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let store = Arc::clone(&shared);
                tokio::spawn(serve(stream, move |parts, body| take(&store, &parts, &body)));
            }
        })?;
        Ok(Self { address, store, _thread: thread })
    }

    /// Where it listens, for both protocols.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many spans arrived, each time counted.
    pub fn spans(&self) -> u64 {
        self.counts().spans
    }

    /// How many different spans arrived.
    pub fn distinct(&self) -> u64 {
        self.counts().times.len() as u64
    }

    /// How many requests were confirmed.
    pub fn requests(&self) -> u64 {
        self.counts().requests
    }

    /// How many requests were none of OTLP's, and refused.
    pub fn refused(&self) -> u64 {
        self.counts().refused
    }

    /// How often a span arrived.
    pub fn times(&self, span_id: u64) -> u32 {
        self.counts().times.get(&span_id).copied().unwrap_or(0)
    }

    /// Compares with what should have arrived; each identifier once.
    pub fn tally(&self, expected: impl IntoIterator<Item = u64>) -> Tally {
        let counts = self.counts();
        let (mut lost, mut arrived) = (0, 0);
        for id in expected {
            if counts.times.contains_key(&id) { arrived += 1 } else { lost += 1 }
        }
        let distinct = counts.times.len() as u64;
        Tally { lost, duplicated: counts.spans - distinct, unexpected: distinct - arrived }
    }

    /// Waits until so many different spans have arrived; false when they have not in time.
    pub fn wait_for(&self, distinct: u64, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut counts = self.counts();
        while (counts.times.len() as u64) < distinct {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.store.changed.wait_timeout(counts, left);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Forgets everything that arrived so far.
    pub fn clear(&self) {
        *self.counts() = Counts::default();
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.store.lock()
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of a request's spans, or none.
    fn add(&self, request: Option<Vec<u8>>) -> Result<(), Refusal> {
        let request = request.ok_or(Refusal::Malformed)?;
        if request.len() > self.limit {
            return Err(Refusal::TooLarge);
        }
        let mut ids = Vec::new();
        scan::span_ids(&request, &mut |id| ids.push(id)).map_err(|scan::Malformed| Refusal::Malformed)?;
        let mut counts = self.lock();
        counts.requests += 1;
        counts.spans += ids.len() as u64;
        for id in ids {
            *counts.times.entry(id).or_default() += 1;
        }
        drop(counts);
        self.changed.notify_all();
        Ok(())
    }

    fn refuse(&self) {
        self.lock().refused += 1;
    }
}

enum Refusal {
    Malformed,
    TooLarge,
}

fn take(store: &Store, parts: &Parts, body: &Bytes) -> Answer {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let answer = match header("content-type") {
        Some("application/grpc" | "application/grpc+proto") => {
            if !parts.uri.path().ends_with("/opentelemetry.proto.collector.trace.v1.TraceService/Export") {
                Err(Answer::grpc("12", "no such method"))
            } else {
                let gzip = header("grpc-encoding") == Some("gzip");
                match store.add(message(body, gzip)) {
                    Ok(()) => Ok(Answer::grpc_message(b"")),
                    Err(Refusal::Malformed) => Err(Answer::grpc("13", "not a request")),
                    Err(Refusal::TooLarge) => Err(Answer::grpc("8", "received message larger than max")),
                }
            }
        }
        _ if parts.uri.path() != "/v1/traces" => Err(Answer::http(404)),
        Some("application/x-protobuf") => {
            let plain = match header("content-encoding") {
                Some("gzip") => unzip(body),
                _ => Some(body.to_vec()),
            };
            match store.add(plain) {
                Ok(()) => Ok(Answer::http(200).header("content-type", "application/x-protobuf")),
                Err(Refusal::Malformed) => Err(Answer::http(400)),
                Err(Refusal::TooLarge) => Err(Answer::http(413)),
            }
        }
        _ => Err(Answer::http(415)),
    };
    answer.unwrap_or_else(|refusal| {
        store.refuse();
        refusal
    })
}

/// The one message of a unary call.
fn message(body: &[u8], gzip: bool) -> Option<Vec<u8>> {
    let (prefix, message) = body.split_first_chunk::<GRPC_PREFIX>()?;
    let [compressed, length @ ..] = *prefix;
    if u32::from_be_bytes(length) as usize != message.len() {
        return None;
    }
    match (compressed, gzip) {
        (0, _) => Some(message.to_vec()),
        (1, true) => unzip(message),
        _ => None,
    }
}

fn unzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).ok()?;
    Some(plain)
}

/// Span identifiers are random: hashing them again would only take time.
#[derive(Debug, Default)]
struct RandomAlready(u64);

impl Hasher for RandomAlready {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        // The map takes the bucket from the low bits and a tag from the high ones. A program that numbers
        // its spans would fill neither.
        self.0 = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}
