//! An HTTP/1.1 receiver: OTLP, Zipkin and Jaeger's Thrift by path, or an answer that helps nobody.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use tracer_factory::otlp::{decode_json_request, decode_request};

use super::{Protocol, Received, Receiver, thrift};

/// What it does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// What a good receiver does.
    Good,
    /// These bytes, whatever was asked; then it hangs up.
    Bytes(&'static str),
}

pub(crate) fn start(answer: Answer) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let receiver = Receiver { address: listener.local_addr().unwrap(), received: Arc::default() };
    let received = Arc::clone(&receiver.received);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let received = Arc::clone(&received);
            std::thread::spawn(move || serve(stream, answer, &received));
        }
    });
    receiver
}

struct Request {
    path: String,
    content_type: String,
    body: Vec<u8>,
}

fn serve(mut stream: TcpStream, answer: Answer, received: &Received) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = read_request(&mut reader)?;
        let bytes = match answer {
            Answer::Bytes(bytes) => {
                stream.write_all(bytes.as_bytes()).ok()?;
                return None;
            }
            Answer::Good => match take(&request, received) {
                Some((status, kind, body)) => format!(
                    "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                ),
                None => "HTTP/1.1 400 Bad Request\r\ncontent-length: 14\r\n\r\nnot understood".to_owned(),
            },
        };
        stream.write_all(bytes.as_bytes()).ok()?;
    }
}

/// Counts the spans of a request; `None` when they can't be read.
fn take(request: &Request, received: &Received) -> Option<(&'static str, &'static str, &'static str)> {
    match request.path.as_str() {
        "/v1/traces" if request.content_type.starts_with("application/json") => {
            let spans = decode_json_request(&request.body).ok()?;
            received.add(Protocol::Otlp, spans.iter().map(|span| span.resource.service_name().to_owned()));
            Some(("200 OK", "application/json", "{}"))
        }
        "/v1/traces" => {
            let spans = decode_request(&request.body).ok()?;
            received.add(Protocol::Otlp, spans.iter().map(|span| span.resource.service_name().to_owned()));
            Some(("200 OK", "application/x-protobuf", ""))
        }
        "/api/v2/spans" => {
            let spans: Vec<serde_json::Value> = serde_json::from_slice(&request.body).ok()?;
            // The SDK's exporter leaves the name out.
            let service = |span: &serde_json::Value| {
                span["localEndpoint"]["serviceName"].as_str().unwrap_or_default().to_owned()
            };
            received.add(Protocol::Zipkin, spans.iter().map(service));
            Some(("202 Accepted", "text/plain", ""))
        }
        "/api/traces" => {
            received.add(Protocol::Jaeger, thrift::services_of_batch(&request.body)?);
            Some(("202 Accepted", "text/plain", ""))
        }
        _ => None,
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut request = Request { path, content_type: String::new(), body: Vec::new() };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "content-type" => request.content_type = value.to_owned(),
            _ => {}
        }
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}
