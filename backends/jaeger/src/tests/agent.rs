//! Over real sockets of this machine.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use tracer_factory_core::config::Endpoint;
use tracer_factory_core::delivery::{Batch, Delivered, Destination, Outcome};

use super::spans::{large, small};
use super::wire::read_packet;
use crate::agent::AgentDestination;
use crate::packets::MAX_PACKET;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn destination(url: &str) -> AgentDestination {
    AgentDestination::new(&Endpoint::parse(url, &["udp"]).unwrap(), Duration::from_secs(5))
}

fn listen() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn a_batch_arrives_in_packets_and_the_oversize_span_is_counted() {
    let (agent, address) = listen();
    let sender = std::thread::spawn(move || {
        let mut spans: Vec<_> = (1..=7).map(|number| large(number, 30_000)).collect();
        spans.insert(3, large(99, MAX_PACKET));
        let mut destination = destination(&format!("udp://{address}"));
        block_on(destination.deliver(&Batch::from_spans(&spans)))
    });
    let mut arrived = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while arrived.len() < 7 {
        let length = agent.recv(&mut buffer).unwrap();
        assert!(length <= MAX_PACKET);
        let batch = read_packet(&buffer[..length]);
        assert_eq!(batch.service_name, "svc");
        arrived.extend(batch.spans.into_iter().map(|span| span.span_id));
    }
    assert_eq!(arrived, [1, 2, 3, 4, 5, 6, 7]);
    let Outcome::Delivered(delivered) = sender.join().unwrap() else { panic!("not delivered") };
    assert_eq!((delivered.rejected, delivered.oversize), (0, 1));
    assert!(delivered.message.unwrap().contains("65000"));
}

#[test]
fn without_a_listener_it_is_kept_and_with_one_it_arrives() {
    let (agent, address) = listen();
    drop(agent);
    let mut destination = destination(&format!("udp://localhost:{}", address.port()));
    let batch = Batch::from_spans(&[small(1)]);
    block_on(async {
        // On both addresses that `localhost` may have.
        for _ in 0..2 {
            match destination.deliver(&batch).await {
                Outcome::Retry { error, .. } => {
                    assert!(
                        error.to_string().contains("udp://localhost") && error.what.contains("listens"),
                        "{error}"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
        let agent = UdpSocket::bind(address).unwrap();
        agent.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut outcome = destination.deliver(&batch).await;
        if matches!(outcome, Outcome::Retry { .. }) {
            outcome = destination.deliver(&batch).await;
        }
        assert_eq!(outcome, Outcome::Delivered(Delivered::default()));
        let mut buffer = vec![0; 1 << 16];
        let length = agent.recv(&mut buffer).unwrap();
        assert_eq!(read_packet(&buffer[..length]).spans[0].operation_name, "span 1");
    });
}

#[test]
fn a_name_without_address_is_named() {
    let mut destination = destination("udp://no-such-host.invalid:6831");
    match block_on(destination.deliver(&Batch::from_spans(&[small(1)]))) {
        Outcome::Retry { error, .. } => {
            assert!(error.to_string().contains("no-such-host.invalid"), "{error}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn spans_without_identifiers_are_refused() {
    let (_agent, address) = listen();
    let mut nameless = small(1);
    nameless.context.span_id = Default::default();
    let mut destination = destination(&format!("udp://{address}"));
    let Outcome::Delivered(delivered) = block_on(destination.deliver(&Batch::from_spans(&[nameless]))) else {
        panic!("not delivered")
    };
    assert_eq!((delivered.rejected, delivered.oversize), (1, 0));
}
