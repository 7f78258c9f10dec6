//! Start and stop: with and without a runtime, on free, joined and taken ports.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use common::*;
use tracer_factory_agent_session::{Attached, QueryClient, Server, ServerConfig, ServerError, start_or_join};

#[test]
fn it_answers_as_soon_as_it_has_started() {
    for _ in 0..20 {
        let server = start();
        let health = QueryClient::new(server.url()).unwrap().health().unwrap();
        assert_eq!(health, server.health());
        assert_eq!((health.server.as_str(), health.pid), ("tracer-factory", std::process::id()));
        let addr = server.addr();
        server.stop();
        assert!(TcpStream::connect(addr).is_err(), "it has stopped when stop returns");
    }
}

#[test]
fn it_runs_beside_any_runtime() {
    let ask = |url: &str| QueryClient::new(url).unwrap().health().is_ok();
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    current.block_on(async {
        // Blocks the only thread of a runtime without reactor: the server needs neither.
        let server = start();
        assert!(ask(server.url()));
        drop(server);
    });
}

#[test]
fn ipv6_loopback_works_where_there_is_one() {
    match Server::start(ServerConfig::new("[::1]:0".parse().unwrap())) {
        Ok(server) => assert_eq!(get(&format!("{}/healthz", server.url())).status, 200),
        Err(error) => assert!(TcpListener::bind("[::1]:0").is_err(), "{error}"),
    }
}

#[test]
fn a_stop_finishes_what_is_under_way() {
    let server = start();
    let addr = server.addr();
    let body = protobuf("s", vec![span(1, 1, 0, "a")]);
    let mut stream = TcpStream::connect(addr).unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: {addr}\r\nExpect: 100-continue\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The interim answer says that the handler has begun to read.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let stopping = std::thread::spawn(move || server.stop());
    while TcpStream::connect(addr).is_ok() {
        std::thread::yield_now();
    }
    assert!(!stopping.is_finished());
    stream.write_all(&body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stopping.join().unwrap();
}

#[test]
fn a_second_one_joins_the_first() {
    let first = start();
    let config = ServerConfig::new(first.addr());
    assert!(
        matches!(Server::start(config.clone()), Err(ServerError::AddressInUse { listen }) if listen == first.addr())
    );
    match start_or_join(config).unwrap() {
        Attached::Joined { url } => assert_eq!(url, first.url()),
        other => panic!("{other:?}"),
    }
}

/// Something that is not ours: it answers every connection with `answer`, or never when that is empty.
fn foreign(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            if answer.is_empty() {
                kept.push(stream);
                continue;
            }
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer);
        }
    });
    addr
}

#[test]
fn what_is_not_ours_is_stepped_over() {
    let answers: [&'static [u8]; 6] = [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n{\"server\":\"tracer-factory\"}",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe",
    ];
    for answer in answers {
        let taken = foreign(answer);
        match start_or_join(ServerConfig::new(taken)).unwrap() {
            Attached::Started { server, instead_of } => {
                assert_eq!(instead_of, Some(taken));
                assert_ne!(server.addr(), taken);
                assert_eq!(get(&format!("{}/healthz", server.url())).status, 200);
                // The next worker finds the same free place, or ours in it.
                if server.addr().port() == taken.port() + 1 {
                    let next = start_or_join(ServerConfig::new(taken)).unwrap();
                    assert_eq!(next.url(), server.url());
                }
            }
            other => panic!("{other:?}"),
        }
    }
}
