//! Over real sockets of this machine.

use std::future::poll_fn;
use std::net::{SocketAddr, UdpSocket};
use std::task::Poll;
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

/// Three packets' worth.
fn three_packets(first: u64) -> Batch {
    Batch::from_spans(&(first..first + 3).map(|number| large(number, 40_000)).collect::<Vec<_>>())
}

/// Delivers until the agent has the first packet; then the agent is gone.
async fn break_off(destination: &mut AgentDestination, agent: UdpSocket, batch: &Batch) {
    agent.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut deliver = destination.deliver(batch);
    while agent.recv(&mut buffer).is_err() {
        let polled = poll_fn(|task| Poll::Ready(deliver.as_mut().poll(task))).await;
        assert!(polled.is_pending(), "{polled:?}");
        tokio::task::yield_now().await;
    }
    drop(agent);
    let outcome = deliver.await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}

/// The spans of all packets that a whole delivery sends.
async fn deliver_all(destination: &mut AgentDestination, agent: &UdpSocket, batch: &Batch) -> Vec<i64> {
    assert_eq!(destination.deliver(batch).await, Outcome::Delivered(Delivered::default()));
    agent.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut arrived = Vec::new();
    while let Ok(length) = agent.recv(&mut buffer) {
        arrived.extend(read_packet(&buffer[..length]).spans.into_iter().map(|span| span.span_id));
    }
    arrived
}

#[test]
fn a_batch_that_broke_off_goes_on_where_it_did() {
    let (agent, address) = listen();
    let mut destination = destination(&format!("udp://{address}"));
    let batch = three_packets(1);
    block_on(async {
        break_off(&mut destination, agent, &batch).await;
        // Nobody is there yet, and the place is kept.
        assert!(matches!(destination.deliver(&batch).await, Outcome::Retry { .. }));
        let agent = UdpSocket::bind(address).unwrap();
        assert_eq!(deliver_all(&mut destination, &agent, &batch).await, [2, 3]);
        assert_eq!(
            deliver_all(&mut destination, &agent, &batch).await,
            [1, 2, 3],
            "once it is done, it is new"
        );
    });
}

#[test]
fn another_batch_begins_at_its_beginning() {
    let (agent, address) = listen();
    let mut destination = destination(&format!("udp://{address}"));
    block_on(async {
        break_off(&mut destination, agent, &three_packets(1)).await;
        let agent = UdpSocket::bind(address).unwrap();
        assert_eq!(deliver_all(&mut destination, &agent, &three_packets(4)).await, [4, 5, 6]);
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
