//! A Jaeger agent: compact Thrift in datagrams.

use std::net::UdpSocket;
use std::sync::Arc;

use super::{Protocol, Receiver, thrift};

pub(crate) fn start() -> Receiver {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let receiver = Receiver { address: socket.local_addr().unwrap(), received: Arc::default() };
    let received = Arc::clone(&receiver.received);
    std::thread::spawn(move || {
        let mut packet = vec![0; 1 << 16];
        while let Ok(length) = socket.recv(&mut packet) {
            if let Some(services) = thrift::services_of_packet(&packet[..length]) {
                received.add(Protocol::Jaeger, services);
            }
        }
    });
    receiver
}
