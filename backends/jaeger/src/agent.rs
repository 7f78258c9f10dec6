//! Compact Thrift over UDP. Delivered means sent: nobody answers, except a machine without a listener.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until, timeout};
use tracer_factory_core::config::Endpoint;
use tracer_factory_core::delivery::{Batch, BoxFuture, Delivered, DeliveryError, Destination, Outcome};

use crate::packets::{MAX_PACKET, Packets};

/// How long a name's address is believed; an agent may move, and UDP would never tell.
const ADDRESS_LIFETIME: Duration = Duration::from_secs(60);

/// From one packet to the next, so that the receiver can keep up: its buffer, by default, holds three, and
/// what overflows is lost in silence. Slow enough that a Jaeger on a busy machine lost none of 16,000 spans.
const PACE: Duration = Duration::from_millis(5);

/// Sends batches to an agent.
pub(crate) struct AgentDestination {
    endpoint: String,
    host: String,
    port: u16,
    timeout: Duration,
    socket: Option<Connected>,
    /// Which of the name's addresses is next: `localhost` may have one where nobody listens.
    attempt: usize,
    /// The packet with which the last batch goes on when it comes again: those before it are out.
    resume_at: Option<Vec<u8>>,
}

struct Connected {
    socket: UdpSocket,
    since: Instant,
    /// When the next packet may go.
    ready: Instant,
}

impl AgentDestination {
    /// Does nothing yet: names are looked up when the first batch comes.
    pub(crate) fn new(endpoint: &Endpoint, timeout: Duration) -> Self {
        Self {
            endpoint: endpoint.to_string(),
            host: endpoint.host.clone(),
            port: endpoint.port_or_default(),
            timeout,
            socket: None,
            attempt: 0,
            resume_at: None,
        }
    }

    async fn send(&mut self, batch: &Batch) -> Outcome {
        let mut connected = match self.socket.take() {
            Some(connected) if connected.since.elapsed() < ADDRESS_LIFETIME => connected,
            _ => match timeout(self.timeout, self.connect()).await {
                Ok(Ok(connected)) => connected,
                Ok(Err(error)) => return self.retry(format!("{}: {error}", self.host)),
                Err(_) => return self.retry(format!("looking up {} took too long", self.host)),
            },
        };
        let Packets { packets, oversize, invalid } = Packets::new(batch, MAX_PACKET);
        // The same batch makes the same packets, and no other batch makes any of them: spans have identifiers.
        let first = match self.resume_at.take() {
            Some(resume_at) => packets.iter().position(|packet| *packet == resume_at).unwrap_or(0),
            None => 0,
        };
        for (index, packet) in packets.iter().enumerate().skip(first) {
            if let Err(Unsent { error, late }) = connected.send(packet).await {
                self.resume_at = packets.get(if late { first } else { index }).cloned();
                // The next attempt looks the name up again, and tries the next address.
                self.attempt = self.attempt.wrapping_add(1);
                return self.retry(match error.kind() {
                    io::ErrorKind::ConnectionRefused => {
                        "nobody listens there: is the agent running?".to_owned()
                    }
                    _ => error.to_string(),
                });
            }
        }
        self.socket = Some(connected);
        let message = match (oversize, invalid) {
            (0, 0) => None,
            (_, 0) => Some(format!("a span is larger than a packet of {MAX_PACKET} bytes")),
            (_, _) => Some("a span has no identifiers".to_owned()),
        };
        Outcome::Delivered(Delivered { rejected: invalid, oversize, message })
    }

    async fn connect(&self) -> io::Result<Connected> {
        let address = match self.host.parse::<IpAddr>() {
            Ok(address) => SocketAddr::new(address, self.port),
            Err(_) => {
                let addresses: Vec<_> =
                    tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
                let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                *addresses.get(self.attempt % addresses.len().max(1)).ok_or_else(none)?
            }
        };
        let any = match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(address).await?;
        let now = Instant::now();
        Ok(Connected { socket, since: now, ready: now })
    }

    fn retry(&self, what: String) -> Outcome {
        Outcome::Retry { after: None, error: DeliveryError::new(&*self.endpoint, what) }
    }
}

/// Why a packet did not go out.
struct Unsent {
    error: io::Error,
    /// It may be about any packet of this attempt.
    late: bool,
}

impl Connected {
    fn is_loopback(&self) -> bool {
        self.socket.peer_addr().is_ok_and(|peer| peer.ip().is_loopback())
    }

    /// Sends one packet; on this machine the kernel knows at once whether somebody listens.
    async fn send(&mut self, packet: &[u8]) -> Result<(), Unsent> {
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        sleep_until(self.ready).await;
        // A refusal that is there before the packet is gone was meant for an earlier one.
        self.socket.send(packet).await.map_err(|error| Unsent { late: refused(&error), error })?;
        self.ready = Instant::now() + PACE;
        match self.socket.take_error() {
            Ok(Some(error)) | Err(error) => {
                Err(Unsent { late: refused(&error) && !self.is_loopback(), error })
            }
            Ok(None) => Ok(()),
        }
    }
}

impl Destination for AgentDestination {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(self.send(batch))
    }
}
