//! The W3C service: calls on with the trace of its caller, each time under another span.
#![cfg(feature = "headers")]

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use crate::program::{Received, example, post, receive};

struct Service {
    child: Child,
    url: String,
}

impl Service {
    fn start() -> Self {
        let mut child = example("w3c_service").arg("0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, url }
    }

    /// What it sends on, called with these headers and asked for `calls` calls.
    fn call(&self, headers: &str, calls: usize) -> Vec<Received> {
        let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/back", receiver.local_addr().unwrap());
        let call = format!(r#"{{"url":"{url}","arguments":[]}}"#);
        let body = format!("[{}]", vec![call; calls].join(","));
        let received = std::thread::spawn(move || (0..calls).map(|_| receive(&receiver)).collect());
        let answer = post(&self.url, headers, &body);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        received.join().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It runs until it is killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Trace, span and flags.
fn parts(received: &Received) -> [&str; 3] {
    let header = received.header("traceparent");
    let parts: Vec<_> = header.split('-').collect();
    assert!(parts.len() == 4 && parts[0] == "00", "{header}");
    [parts[1], parts[2], parts[3]]
}

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";

#[test]
fn each_call_goes_on_under_a_span_of_its_own() {
    let service = Service::start();
    let headers = format!("traceparent: 00-{TRACE}-{SPAN}-02\r\ntracestate: a=1\r\ntracestate: b=2\r\n");
    let calls = service.call(&headers, 3);
    for call in &calls {
        let [trace, span, flags] = parts(call);
        assert_eq!((trace, flags), (TRACE, "02"));
        assert_ne!(span, SPAN);
        assert_eq!((call.header("tracestate"), &*call.body), ("a=1,b=2", &b"[]"[..]));
    }
    let spans: HashSet<_> = calls.iter().map(|call| parts(call)[1]).collect();
    assert_eq!(spans.len(), 3);
}

#[test]
fn a_malformed_header_begins_a_new_trace() {
    let service = Service::start();
    let calls = service.call(&format!("traceparent: 00-{TRACE}-{SPAN}-001\r\ntracestate: a=1\r\n"), 2);
    let [trace, ..] = parts(&calls[0]);
    assert_ne!(trace, TRACE);
    assert_eq!(parts(&calls[1])[0], trace);
    assert!(calls[0].headers.iter().all(|(name, _)| name != "tracestate"));
}

#[test]
fn a_call_that_fails_is_answered_for() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let service = Service::start();
    let body = format!(r#"[{{"url":"http://{nobody}/","arguments":[]}},{{}}]"#);
    let answer = post(&service.url, "", &body);
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains(&nobody.to_string()), "{answer}");
}
