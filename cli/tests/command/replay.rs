//! `replay`: what can't be delivered is said, makes it fail, and is still there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracer_factory::TracerFactory;
use tracer_factory::env::EnvMap;

use crate::program::command;

/// A receiver that gives these answers in turn, and then the last one again and again.
fn receiver(answers: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let given = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let given = Arc::clone(&given);
            std::thread::spawn(move || {
                while read_request(&mut stream).is_some() {
                    let at = given.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
                    let answer = format!("HTTP/1.1 {}\r\ncontent-length: 0\r\n\r\n", answers[at]);
                    stream.write_all(answer.as_bytes()).ok()?;
                }
                Some(())
            });
        }
    });
    address
}

/// Reads as far as the end of one request.
fn read_request(stream: &mut impl Read) -> Option<()> {
    let (mut head, mut byte) = (String::new(), [0]);
    while !head.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(char::from(byte[0]));
    }
    let length = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    stream.read_exact(&mut vec![0; length?]).ok()
}

/// What a process left that could reach nobody.
fn leave(directory: &Path, spans: usize) {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let variables = [
        ("TRACER_TYPE", "otlp".to_owned()),
        ("OTLP_ENDPOINT", format!("http://{nobody}/v1/traces")),
        ("TRACER_SPOOL_DIR", directory.display().to_string()),
        ("TRACER_SHUTDOWN_TIMEOUT", "50ms".to_owned()),
    ];
    let tracer = TracerFactory::create_tracer_from(&EnvMap::from_iter(variables)).unwrap();
    (0..spans).for_each(|_| drop(tracer.trace_context("left")));
    assert_eq!(tracer.teardown().destinations[0].pending, spans as u64);
}

fn replay(directory: &Path, receiver: SocketAddr) -> (Option<i32>, String, String) {
    let output = command(&["replay", directory.to_str().unwrap()])
        .envs([("TRACER_TYPE", "otlp"), ("OTLP_ENDPOINT", &format!("http://{receiver}/v1/traces"))])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_wrong_key_or_path_fails_and_leaves_everything() {
    let directory = tempfile::tempdir().unwrap();
    leave(directory.path(), 30);
    for answer in [&["401 Unauthorized"], &["404 Not Found"], &["403 Forbidden"]] {
        let receiver = receiver(answer);
        let (code, out, err) = replay(directory.path(), receiver);
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(out.contains("30 spans found, 0 delivered, 30 still there"), "{out}");
        let named = format!("http://{receiver}/v1/traces");
        assert!(err.contains(&named) && err.contains(answer[0]), "{err}");
    }
    let (code, out, err) = replay(directory.path(), receiver(&["200 OK"]));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("30 spans found, 30 delivered\n"), "{out}");
    let (code, out, _) = replay(directory.path(), receiver(&["200 OK"]));
    assert!(code == Some(0) && out.contains("0 spans found"), "{out}");
}

#[test]
fn a_refused_batch_is_in_a_file_that_is_named() {
    let directory = tempfile::tempdir().unwrap();
    leave(directory.path(), 3);
    let (code, out, err) = replay(directory.path(), receiver(&["400 Bad Request", "200 OK"]));
    assert_eq!(code, Some(1), "{out}{err}");
    let file = directory.path().join("refused").join("replay.jsonl");
    assert!(err.contains("3 spans were refused for good") && err.contains(file.to_str().unwrap()), "{err}");
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 1);
}

#[test]
fn nobody_to_deliver_to_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    leave(directory.path(), 3);
    let output =
        command(&["replay", directory.path().to_str().unwrap()]).env("TRACER_TYPE", "noop").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let (_, out, _) = replay(directory.path(), receiver(&["200 OK"]));
    assert!(out.contains("3 delivered"), "{out}");
}
