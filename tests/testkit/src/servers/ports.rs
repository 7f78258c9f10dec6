//! Free loopback ports for servers that must be told theirs before they start.
//!
//! A port is only known to be free until somebody takes it. So ports come from below the range that
//! the system gives to outgoing connections, none is handed out twice by one process, and a server
//! that finds its port taken all the same is started again with others.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::error::StartError;

/// Linux takes ephemeral ports from 32768 on.
const RANGE: Range<u16> = 12_000..32_768;
const STARTS: usize = 3;

static HANDED_OUT: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// Calls `start` with free ports, and again with others if the server says that one was taken.
pub(super) fn with_free<const N: usize, T>(
    start: impl Fn([u16; N]) -> Result<T, StartError>,
) -> Result<T, StartError> {
    for _ in 1..STARTS {
        match start(free()?) {
            Err(StartError::Exited { log, .. }) if log.says_port_taken() => {}
            result => return result,
        }
    }
    start(free()?)
}

/// `N` different ports that were free for TCP and UDP a moment ago.
fn free<const N: usize>() -> Result<[u16; N], StartError> {
    let mut handed_out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    // A random place to begin at, since other processes look for ports in the same range.
    let begin = RandomState::new().hash_one(0_u8) % u64::try_from(RANGE.len()).unwrap_or(1);
    let begin = RANGE.start + u16::try_from(begin).unwrap_or(0);
    let mut candidates = (begin..RANGE.end)
        .chain(RANGE.start..begin)
        .filter(|port| !handed_out.contains(port) && is_free(*port));
    let mut ports = [0; N];
    for port in &mut ports {
        *port = candidates.next().ok_or(StartError::NoPorts)?;
    }
    drop(candidates);
    handed_out.extend(ports);
    Ok(ports)
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_different_and_never_handed_out_again() {
        let mut seen = HashSet::new();
        for _ in 0..20 {
            for port in free::<5>().unwrap() {
                assert!(RANGE.contains(&port));
                assert!(seen.insert(port), "{port} was handed out twice");
            }
        }
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let [tcp, udp] = free().unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, tcp)).unwrap();
        let _socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, udp)).unwrap();
        assert!(!is_free(tcp));
        assert!(!is_free(udp));
    }
}
