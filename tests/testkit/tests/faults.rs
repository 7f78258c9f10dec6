//! The proxy's faults as a plain client sees them, and the sink's figures.

#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, reason = "a test's helpers are tests too")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tracer_factory_testkit::faults::{Answer, CountingSink, Direction, Fault, FaultProxy, Tally};

/// Long enough for anything that is to happen, on any machine.
const SOON: Duration = Duration::from_secs(20);
/// Long enough for what must not happen to show.
const A_WHILE: Duration = Duration::from_millis(200);

/// Sends back what it gets.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut reader = stream.try_clone().unwrap();
                let _ = io::copy(&mut reader, &mut stream);
                let _ = stream.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    address
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn exchange(stream: &mut TcpStream, data: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(data)?;
    let mut back = vec![0; data.len()];
    stream.read_exact(&mut back)?;
    Ok(back)
}

#[track_caller]
fn silent(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(A_WHILE)).unwrap();
    let kind = stream.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind:?}");
    stream.set_read_timeout(Some(SOON)).unwrap();
}

#[test]
fn bytes_pass_both_ways_and_so_does_the_end() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut stream = connect(proxy.address());
    let data: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
    let mut writer = stream.try_clone().unwrap();
    let sent = data.clone();
    let sending = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    sending.join().unwrap();
    assert!(back == data, "{} bytes came back", back.len());
    assert_eq!((proxy.connections(), proxy.bytes_up()), (1, 1_000_000));
}

#[test]
fn a_delay_is_seen_both_ways() {
    let proxy = FaultProxy::start(echo()).unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(100))).unwrap();
    let start = Instant::now();
    assert_eq!(exchange(&mut connect(proxy.address()), b"ping").unwrap(), b"ping");
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
}

#[test]
fn refused_and_back_on_the_same_port() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut old = connect(proxy.address());
    exchange(&mut old, b"ping").unwrap();
    for _ in 0..3 {
        proxy.set(Fault::Refuse).unwrap();
        assert_eq!(TcpStream::connect(proxy.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        proxy.set(Fault::Pass).unwrap();
        exchange(&mut connect(proxy.address()), b"ping").unwrap();
    }
    assert_eq!(old.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn resets_reach_old_connections_and_new_ones() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut old = connect(proxy.address());
    exchange(&mut old, b"ping").unwrap();
    proxy.set(Fault::Reset).unwrap();
    for mut stream in [old, connect(proxy.address())] {
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_cut_lets_exactly_so_many_bytes_through() {
    for direction in [Direction::Up, Direction::Down] {
        let proxy = FaultProxy::start(echo()).unwrap();
        proxy.set(Fault::Cut { direction, after: 7 }).unwrap();
        let mut stream = connect(proxy.address());
        stream.write_all(b"0123456789").unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        // Cut on the way up, the answer to what went through may still be on its way.
        assert!(b"0123456".starts_with(&back), "{direction:?}: {back:?}");
        let expected = if direction == Direction::Up { 7 } else { 10 };
        assert_eq!(proxy.bytes_up(), expected, "{direction:?}");
        if direction == Direction::Down {
            assert_eq!(back, b"0123456");
        }
    }
}

#[test]
fn a_trickle_takes_its_time() {
    let proxy = FaultProxy::start(echo()).unwrap();
    proxy.set(Fault::Trickle(200)).unwrap();
    let start = Instant::now();
    let data = [7; 100];
    assert_eq!(exchange(&mut connect(proxy.address()), &data).unwrap(), data);
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
}

#[test]
fn what_hangs_goes_on_without_a_byte_lost() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut old = connect(proxy.address());
    exchange(&mut old, b"ping").unwrap();
    proxy.set(Fault::Hang).unwrap();
    let mut new = connect(proxy.address());
    for stream in [&mut old, &mut new] {
        stream.write_all(b"held").unwrap();
        silent(stream);
    }
    proxy.set(Fault::Pass).unwrap();
    for stream in [&mut old, &mut new] {
        let mut back = [0; 4];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"held");
    }
}

#[test]
fn a_black_hole_does_not_even_connect() {
    let proxy = FaultProxy::start(echo()).unwrap();
    for _ in 0..2 {
        proxy.set(Fault::BlackHole).unwrap();
        let error = TcpStream::connect_timeout(&proxy.address(), A_WHILE).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock), "{error:?}");
        proxy.set(Fault::Pass).unwrap();
        exchange(&mut connect(proxy.address()), b"ping").unwrap();
    }
}

#[test]
fn answers_are_given_without_the_receiver() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut open = connect(proxy.address());
    exchange(&mut open, b"ping").unwrap();
    proxy.set(Answer::http(429).header("Retry-After", "15").body("slow down")).unwrap();
    assert_eq!(open.read(&mut [0]).unwrap(), 0, "an old connection is closed");
    let mut stream = connect(proxy.address());
    for n in 1..3 {
        stream.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nhi").unwrap();
        let mut text = String::new();
        while !text.ends_with("slow down") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            text.push(char::from(byte[0]));
        }
        assert!(text.starts_with("HTTP/1.1 429 ") && text.contains("retry-after: 15\r\n"), "{text}");
        assert_eq!(proxy.answers().len(), n);
    }
    assert_eq!(proxy.bytes_up(), 4, "the receiver saw the ping");
    proxy.set(Fault::Pass).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    exchange(&mut connect(proxy.address()), b"ping").unwrap();
}

/// A request with these spans, in protobuf.
fn request(ids: impl IntoIterator<Item = u64>) -> Vec<u8> {
    fn nested(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length > 0x7f {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        [&out, bytes].concat()
    }
    let span = |id: u64| nested(2, &[nested(1, &[7; 16]), nested(2, &id.to_be_bytes())].concat());
    nested(1, &nested(2, &ids.into_iter().flat_map(span).collect::<Vec<u8>>()))
}

fn post(stream: &mut TcpStream, path: &str, kind: &str, body: &[u8]) -> String {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    text.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn the_sink_tells_what_was_lost_and_what_came_twice() {
    let sink = CountingSink::start().unwrap();
    let mut stream = connect(sink.address());
    let mut send = |path: &str, kind: &str, body: &[u8]| post(&mut stream, path, kind, body);
    assert_eq!(send("/v1/traces", "application/x-protobuf", &request(1..=3)), "200");
    assert_eq!(send("/v1/traces", "application/x-protobuf", &request([3, 4, 3])), "200");
    assert_eq!(send("/v1/traces", "application/x-protobuf", b"<html>"), "400");
    assert_eq!(send("/v1/traces", "application/json", b"{}"), "415");
    assert_eq!(send("/elsewhere", "application/x-protobuf", &request([9])), "404");
    assert_eq!(sink.tally([1, 2, 3, 5, 6]), Tally { lost: 2, duplicated: 2, unexpected: 1 });
    assert_eq!((sink.spans(), sink.distinct(), sink.requests(), sink.refused()), (6, 4, 2, 3));
    assert_eq!((sink.times(3), sink.times(5)), (3, 0));
    assert!(sink.wait_for(4, Duration::ZERO));
    assert!(!sink.wait_for(5, Duration::from_millis(20)));
    sink.clear();
    assert_eq!(sink.tally([]), Tally::default());
}

/// Prints how fast both are: `cargo test --release -p tracer-factory-testkit --test faults -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn how_many_spans_a_second() {
    let sink = CountingSink::start().unwrap();
    let proxy = FaultProxy::start(sink.address()).unwrap();
    let spans = |n: u64| (n * 512..(n + 1) * 512).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let bodies: Vec<_> = (0..1000).map(|n| request(spans(n))).collect();
    for (name, address) in [("sink", sink.address()), ("proxy and sink", proxy.address())] {
        sink.clear();
        let mut stream = connect(address);
        let start = Instant::now();
        for body in &bodies {
            assert_eq!(post(&mut stream, "/v1/traces", "application/x-protobuf", body), "200");
        }
        let took = start.elapsed();
        assert_eq!(sink.distinct(), 512_000);
        println!("{name}: {:.0} spans/s, one request at a time", 512_000.0 / took.as_secs_f64());
    }
}

#[test]
fn a_sink_with_a_limit_says_what_is_too_large() {
    let sink = CountingSink::with_limit(request([1, 2]).len()).unwrap();
    let mut stream = connect(sink.address());
    let mut send = |body: &[u8]| post(&mut stream, "/v1/traces", "application/x-protobuf", body);
    assert_eq!((send(&request([1, 2])), send(&request([3, 4, 5]))), ("200".to_owned(), "413".to_owned()));
    assert_eq!((sink.spans(), sink.refused()), (2, 1));
}
