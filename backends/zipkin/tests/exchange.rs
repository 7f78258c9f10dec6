//! What goes over the wire, and what becomes of a batch by what comes back.
#![expect(clippy::unwrap_used, reason = "a step that fails, fails the test")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::delivery::{Batch, Delivered, Destination, Outcome};
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::span::SpanData;
use tracer_factory_zipkin::BACKEND;

fn span(id: u64) -> SpanData {
    SpanData {
        context: SpanContext::new(TraceId::from_int(1), SpanId::from_int(id), TraceFlags::SAMPLED),
        name: "op".into(),
        ..SpanData::default()
    }
}

fn connect(endpoint: String) -> Box<dyn Destination> {
    let mut config = TracerConfig::new(TracerType::Zipkin);
    config.zipkin.endpoint = endpoint;
    let plan = (BACKEND.plan)(&config).unwrap();
    (plan.connect)().unwrap().destination
}

/// Takes one request, answers `answer`, and returns what was asked.
async fn serve_once(listener: TcpListener, answer: &'static str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .split_once("content-length: ")
                .map(|(_, rest)| rest.lines().next().unwrap().parse::<usize>().unwrap());
            if Some(body.len()) == length {
                break;
            }
        }
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the request ended early");
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

/// Delivers to a server with this answer.
async fn exchange(spans: &[SpanData], answer: &'static str) -> (String, Outcome) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut destination = connect(format!("http://{}", listener.local_addr().unwrap()));
    let batch = Batch::from_spans(spans);
    tokio::join!(serve_once(listener, answer), destination.deliver(&batch))
}

#[tokio::test]
async fn one_batch_is_one_post_of_json() {
    let (request, outcome) = exchange(
        &[span(1), SpanData::default(), span(2)],
        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let Outcome::Delivered(Delivered { rejected: 1, oversize: 0, message: Some(_) }) = outcome else {
        panic!("{outcome:?}");
    };
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/v2/spans HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    let spans: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(spans.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_overloaded_zipkin_is_tried_again() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let (_, outcome) = exchange(&[span(1)], answer).await;
    let Outcome::Retry { after: Some(after), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(after, Duration::from_secs(7));
}

#[tokio::test]
async fn what_zipkin_cannot_read_is_rejected_with_its_words() {
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 17\r\n\r\nCannot decode it.";
    let (_, outcome) = exchange(&[span(1)], answer).await;
    let Outcome::Rejected(error) = outcome else { panic!("{outcome:?}") };
    let error = error.to_string();
    assert!(error.contains("Cannot decode it.") && error.contains("/api/v2/spans"), "{error}");
}

#[tokio::test]
async fn a_batch_with_nothing_to_send_sends_nothing() {
    let mut destination = connect("http://127.0.0.1:9".to_owned());
    let outcome = destination.deliver(&Batch::from_spans(&[SpanData::default()])).await;
    assert!(matches!(outcome, Outcome::Delivered(Delivered { rejected: 1, .. })), "{outcome:?}");
    assert_eq!(destination.deliver(&Batch::from_spans(&[])).await, Outcome::all());
}
