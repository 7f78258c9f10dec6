//! Over HTTP, against a server of one answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::delivery::{Batch, Delivered, Outcome};

use super::spans::{full, small};
use super::wire::read_binary;
use crate::BACKEND;

/// A request as it came.
struct Request {
    head: String,
    body: Vec<u8>,
}

/// Takes one request and answers `status`.
fn serve(status: &'static str) -> (SocketAddr, JoinHandle<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the request ended early");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        write!(stream.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
        Request { head, body }
    });
    (address, server)
}

fn deliver(endpoint: &str, batch: &Batch) -> Outcome {
    let mut config = TracerConfig::new(TracerType::Jaeger);
    config.jaeger.endpoint = endpoint.to_owned();
    let plan = (BACKEND.plan)(&config).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { (plan.connect)().unwrap().destination.deliver(batch).await })
}

#[test]
fn a_batch_is_one_post_of_binary_thrift() {
    let (address, server) = serve("202 Accepted");
    let outcome = deliver(&format!("http://{address}"), &Batch::from_spans(&[full(), small(2)]));
    assert_eq!(outcome, Outcome::all());
    let request = server.join().unwrap();
    assert!(request.head.starts_with("POST /api/traces HTTP/1.1\r\n"), "{}", request.head);
    assert!(request.head.contains("\r\ncontent-type: application/x-thrift\r\n"), "{}", request.head);
    let batch = read_binary(&request.body);
    assert_eq!(batch.service_name, "svc");
    let names: Vec<_> = batch.spans.iter().map(|span| span.operation_name.as_str()).collect();
    assert_eq!(names, ["na\0me 🦀", "span 2"]);
}

#[test]
fn a_refusal_names_the_endpoint_and_a_busy_server_is_tried_again() {
    let (address, server) = serve("400 Bad Request");
    match deliver(&format!("http://{address}/api/traces?token=canary"), &Batch::from_spans(&[small(1)])) {
        Outcome::Rejected(error) => {
            let text = error.to_string();
            assert!(text.contains(&address.to_string()) && text.contains("400"), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert!(server.join().unwrap().head.contains("?token=canary"));
    let (address, server) = serve("503 Service Unavailable\r\nretry-after: 7");
    match deliver(&format!("http://{address}"), &Batch::from_spans(&[small(1)])) {
        Outcome::Retry { after, .. } => assert_eq!(after.map(|after| after.as_secs()), Some(7)),
        other => panic!("{other:?}"),
    }
    server.join().unwrap();
}

#[test]
fn an_error_behind_the_receiver_is_tried_again() {
    // So Jaeger answers when its queue is full.
    let (address, server) = serve("500 Internal Server Error");
    let outcome = deliver(&format!("http://{address}"), &Batch::from_spans(&[small(1)]));
    assert!(matches!(outcome, Outcome::Retry { after: None, .. }), "{outcome:?}");
    server.join().unwrap();
    // By OTLP it has statuses of its own for that.
    let (address, server) = serve("500 Internal Server Error");
    let outcome = deliver(&format!("http://{address}/v1/traces"), &Batch::from_spans(&[small(1)]));
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    server.join().unwrap();
}

#[test]
fn spans_without_identifiers_are_left_out_and_counted() {
    let mut nameless = small(1);
    nameless.context.span_id = Default::default();
    let (address, server) = serve("202 Accepted");
    let outcome = deliver(&format!("http://{address}"), &Batch::from_spans(&[nameless.clone(), small(2)]));
    assert!(matches!(outcome, Outcome::Delivered(Delivered { rejected: 1, oversize: 0, .. })), "{outcome:?}");
    let spans = read_binary(&server.join().unwrap().body).spans;
    assert_eq!(spans.iter().map(|span| span.span_id).collect::<Vec<_>>(), [2]);
    // Nothing is left to send, so nobody needs to listen.
    let outcome = deliver(&format!("http://{address}"), &Batch::from_spans(&[nameless]));
    assert!(matches!(outcome, Outcome::Delivered(Delivered { rejected: 1, .. })), "{outcome:?}");
}

#[test]
fn otlp_goes_where_otlp_is_spoken() {
    let (address, server) = serve("200 OK");
    let outcome = deliver(&format!("http://{address}/v1/traces"), &Batch::from_spans(&[small(1)]));
    assert_eq!(outcome, Outcome::all());
    let head = server.join().unwrap().head;
    assert!(head.starts_with("POST /v1/traces ") && head.contains("application/x-protobuf"), "{head}");
}

#[test]
fn plans_touch_nothing_and_show_the_endpoint() {
    let shown = |endpoint: &str| {
        let mut config = TracerConfig::new(TracerType::Jaeger);
        config.jaeger.endpoint = endpoint.to_owned();
        (BACKEND.plan)(&config).map(|plan| (plan.backend, plan.endpoint)).map_err(|error| error.to_string())
    };
    assert_eq!(
        shown("http://no-such-host.invalid:14268"),
        Ok(("jaeger", "http://no-such-host.invalid:14268/api/traces".to_owned()))
    );
    assert_eq!(
        shown("udp://no-such-host.invalid"),
        Ok(("jaeger", "udp://no-such-host.invalid:6831".to_owned()))
    );
    assert_eq!(
        shown("http://no-such-host.invalid:4317"),
        Ok(("jaeger", "http://no-such-host.invalid:4317".to_owned()))
    );
    assert_eq!(
        shown("http://no-such-host.invalid:4318"),
        Ok(("jaeger", "http://no-such-host.invalid:4318/v1/traces".to_owned()))
    );
    assert!(shown("jaeger").unwrap_err().starts_with("JAEGER_ENDPOINT="));
}
