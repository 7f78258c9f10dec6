//! Tokens, authorities and client certificates that are replaced on both sides while a worker runs.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::faults::tracer;
use crate::support::{batch, config, connect, rejected, retried};
use crate::tls::Authority;
use crate::tls_faults::{good, is_whole, server};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tracer_factory_core::config::OtlpProtocol;
use tracer_factory_core::delivery::Outcome;
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::tracer::BaseTracer;

const PATIENCE: Duration = Duration::from_secs(60);

/// What a receiver shows and asks for, and what it said.
struct Terms {
    tls: Option<Arc<ServerConfig>>,
    /// Counts their replacements: connections made under earlier terms are hung up on.
    version: u64,
    token: String,
    /// Requests that were answered 200, and 401.
    answers: (u64, u64),
}

struct Receiver {
    url: String,
    terms: Arc<Mutex<Terms>>,
}

impl Receiver {
    fn start(tls: Option<ServerConfig>, token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/v1/traces", listener.local_addr().unwrap());
        let (tls, token) = (tls.map(Arc::new), token.to_owned());
        let terms = Arc::new(Mutex::new(Terms { tls, version: 0, token, answers: (0, 0) }));
        let shared = Arc::clone(&terms);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, terms) = (stream.unwrap(), Arc::clone(&shared));
                let (tls, version) = {
                    let terms = terms.lock().unwrap();
                    (terms.tls.clone(), terms.version)
                };
                std::thread::spawn(move || match tls {
                    None => serve(stream, &terms, version),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).unwrap();
                        serve(StreamOwned::new(connection, stream), &terms, version);
                    }
                });
            }
        });
        Self { url, terms }
    }

    fn change(&self, change: impl FnOnce(&mut Terms)) {
        let mut terms = self.terms.lock().unwrap();
        terms.version += 1;
        change(&mut terms);
    }

    fn answers(&self) -> (u64, u64) {
        self.terms.lock().unwrap().answers
    }
}

fn serve(mut stream: impl Read + Write, terms: &Mutex<Terms>, version: u64) {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(read) = stream.read(&mut chunk)
        && read > 0
    {
        request.extend_from_slice(&chunk[..read]);
        if !is_whole(&request) {
            continue;
        }
        let mut terms = terms.lock().unwrap();
        if terms.version != version {
            return;
        }
        let head = String::from_utf8_lossy(&request);
        let answer = if head.contains(&format!("authorization: Bearer {}\r\n", terms.token)) {
            terms.answers.0 += 1;
            "200 OK"
        } else {
            terms.answers.1 += 1;
            "401 Unauthorized"
        };
        drop(terms);
        request.clear();
        let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes());
    }
}

/// Another file under the same name, as mounted secrets are replaced.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

fn token_file(authority: &Authority, token: &str) -> PathBuf {
    authority.file("headers", &pairs(token))
}

fn pairs(token: &str) -> String {
    format!("authorization=Bearer%20{token}\n")
}

fn record(tracer: &RecordingTracer) {
    for _ in 0..3 {
        drop(tracer.trace_context("work"));
    }
}

#[track_caller]
fn assert_arrives(tracer: &RecordingTracer) {
    let deadline = Instant::now() + PATIENCE;
    let mut report = tracer.flush(PATIENCE);
    while !report.is_complete() && Instant::now() < deadline {
        report = tracer.flush(PATIENCE);
    }
    assert!(report.is_complete() && report.adds_up(), "{report}");
    assert_eq!(report.destinations[0].rejected, 0, "{report}");
}

/// Delivery says `words` of what is in its way, and keeps everything.
#[track_caller]
fn assert_held(tracer: &RecordingTracer, words: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = tracer.health().destinations[0].error.clone().unwrap_or_default();
        if error.contains(words) {
            break;
        }
        assert!(Instant::now() < deadline, "{words:?} was not said, but {error:?}");
        std::thread::yield_now();
    }
    let report = tracer.report();
    let destination = &report.destinations[0];
    assert!(report.adds_up() && destination.rejected == 0 && destination.pending == 3, "{report}");
}

#[test]
fn a_new_authority_and_a_new_token_are_taken_without_a_restart() {
    let (first, second) = (Authority::new(), Authority::new());
    let receiver = Receiver::start(Some(good(&first)), "one");
    let mut config = config(&receiver.url);
    let (ca, token) = (first.ca_file(), token_file(&first, "one"));
    (config.tls.ca_file, config.headers_file) = (Some(ca.clone()), Some(token.clone()));
    let tracer = tracer(config);
    record(&tracer);
    assert_arrives(&tracer);

    // The receiver is first, the files follow one after the other.
    receiver.change(|terms| {
        (terms.tls, terms.token) = (Some(Arc::new(good(&second))), "two".to_owned());
    });
    record(&tracer);
    assert_held(&tracer, "OTLP_CERTIFICATE");
    replace(&ca, &second.issuer.pem());
    assert_held(&tracer, "401");
    replace(&token, &pairs("two"));
    assert_arrives(&tracer);
    assert!(receiver.answers().1 > 0);

    // The files are first: what they held before is asked for until the connection ends.
    replace(&token, &pairs("three"));
    receiver.change(|terms| terms.token = "three".to_owned());
    record(&tracer);
    assert_arrives(&tracer);
    assert_eq!(tracer.report().accepted, 9);
}

#[test]
fn a_bad_file_keeps_what_was_good() {
    let authority = Authority::new();
    let receiver = Receiver::start(Some(good(&authority)), "one");
    let mut config = config(&receiver.url);
    let (ca, token) = (authority.ca_file(), token_file(&authority, "one"));
    (config.tls.ca_file, config.headers_file) = (Some(ca.clone()), Some(token.clone()));
    let tracer = tracer(config);
    record(&tracer);
    assert_arrives(&tracer);
    replace(&ca, "no certificate");
    replace(&token, "no pairs");
    // Connections end, which is when the files are looked at at once.
    receiver.change(|_| ());
    record(&tracer);
    assert_arrives(&tracer);
    assert_eq!(receiver.answers().1, 0);
}

#[test]
fn a_new_client_certificate_is_shown_once_its_key_is_there() {
    let (authority, successor) = (Authority::new(), Authority::new());
    let (certificate, key) = authority.certify("127.0.0.1");
    let asking = |clients_of: &Authority| server(&certificate, &key, Some(clients_of));
    let receiver = Receiver::start(Some(asking(&authority)), "one");
    let mut config = config(&receiver.url);
    config.tls.ca_file = Some(authority.ca_file());
    config.headers.push(("authorization".to_owned(), "Bearer one".to_owned().into()));
    let (shown, shown_key) = authority.certify("worker");
    let files = [
        authority.file("client.pem", &shown.pem()),
        authority.file("client.key", &shown_key.serialize_pem()),
    ];
    config.tls.client_certificate_file = Some(files[0].clone());
    config.tls.client_key_file = Some(files[1].clone());
    let tracer = tracer(config);
    record(&tracer);
    assert_arrives(&tracer);

    receiver.change(|terms| terms.tls = Some(Arc::new(asking(&successor))));
    record(&tracer);
    assert_held(&tracer, "client certificate");
    let (shown, shown_key) = successor.certify("worker");
    replace(&files[0], &shown.pem());
    assert_held(&tracer, "client certificate");
    replace(&files[1], &shown_key.serialize_pem());
    assert_arrives(&tracer);
}

/// Only a token that was good can be one whose successor is on its way.
#[tokio::test]
async fn a_token_that_never_was_good_is_refused_for_good() {
    let authority = Authority::new();
    let receiver = Receiver::start(None, "one");
    let mut config = config(&receiver.url);
    let token = token_file(&authority, "wrong");
    config.headers_file = Some(token.clone());
    let mut destination = connect(config).unwrap();
    assert!(rejected(destination.deliver(&batch()).await).contains("401"));
    replace(&token, &pairs("one"));
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
    assert_eq!(receiver.answers().0, 1);
}

struct Collector(Arc<Mutex<String>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let expected = format!("Bearer {}", self.0.lock().unwrap());
        match request.metadata().get("authorization") {
            Some(token) if *token == expected => Ok(Response::new(ExportTraceServiceResponse::default())),
            _ => Err(Status::unauthenticated("another token")),
        }
    }
}

#[tokio::test]
async fn a_new_token_is_sent_over_grpc() {
    let authority = Authority::new();
    let token = Arc::new(Mutex::new("one".to_owned()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(format!("http://{}", listener.local_addr().unwrap()));
    let service = TraceServiceServer::new(Collector(Arc::clone(&token)));
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let file = token_file(&authority, "one");
    (config.headers_file, config.protocol) = (Some(file.clone()), Some(OtlpProtocol::Grpc));
    let mut destination = connect(config).unwrap();
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
    *token.lock().unwrap() = "two".to_owned();
    assert!(retried(destination.deliver(&batch()).await).1.contains("UNAUTHENTICATED"));
    replace(&file, &pairs("two"));
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
}
