//! A canary in every secret: it may reach a receiver in its header, and nothing and nobody else, not even when
//! the receiver says it back.
#![allow(clippy::unwrap_used)]
#![cfg(all(
    feature = "agent-session",
    feature = "jaeger",
    feature = "opentelemetry",
    feature = "otlp",
    feature = "sdk",
    feature = "zipkin"
))]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tracer_factory::config::{OtlpProtocol, SpoolDirectory};
use tracer_factory::opentelemetry::trace::{
    Span as _, SpanContext as OtelSpanContext, Status as OtelStatus, Tracer as _,
};
use tracer_factory::opentelemetry::{KeyValue, global};
use tracer_factory::{
    BaseTracer, SpanContext, SpanId, StatusCode, TraceFlags, TraceId, TracerConfig, TracerType, create_tracer,
};
use tracing_subscriber::fmt::MakeWriter;

const CANARY: &str = "canary5e1b0c";
/// `me:canary5e1b0c` as `Basic` credentials have it.
const BASIC: &str = "bWU6Y2FuYXJ5NWUxYjBj";

/// Everything that is logged in this process, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let level = tracing::Level::TRACE;
    tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).with_max_level(level).init();
    log
});

/// A request's head and body.
type Received = (String, Vec<u8>);

/// A receiver that answers every request with `status` and the request's own head.
struct Echo {
    address: SocketAddr,
    /// Each request's head and body.
    requests: Arc<Mutex<Vec<Received>>>,
}

impl Echo {
    fn new(status: &str) -> Self {
        let status: Arc<str> = status.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let this = Self { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let requests = Arc::clone(&this.requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (requests, status) = (Arc::clone(&requests), Arc::clone(&status));
                std::thread::spawn(move || serve(stream, &status, &requests));
            }
        });
        this
    }

    /// What was sent beside the headers that hold credentials.
    fn beside_credentials(&self) -> String {
        let requests = self.requests.lock().unwrap();
        assert!(!requests.is_empty(), "nothing was sent");
        let mut text = String::new();
        for (head, body) in requests.iter() {
            let is_credential = |line: &&str| {
                let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
                matches!(name.as_str(), "authorization" | "x-api-key")
            };
            text.extend(head.lines().filter(|line| !is_credential(line)));
            text.push_str(&String::from_utf8_lossy(body));
        }
        text
    }
}

fn serve(stream: TcpStream, status: &str, requests: &Mutex<Vec<(String, Vec<u8>)>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !reader.read_line(&mut head).is_ok_and(|read| read > 0) {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{head}", head.len());
        requests.lock().unwrap().push((head, body));
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A receiver over gRPC that answers with `answer` and keeps what came, in words.
fn grpc(answer: fn(String) -> Result<(), Status>) -> (SocketAddr, Arc<Mutex<String>>) {
    struct Collector(Arc<Mutex<String>>, fn(String) -> Result<(), Status>);

    #[tonic::async_trait]
    impl TraceService for Collector {
        async fn export(
            &self,
            request: Request<ExportTraceServiceRequest>,
        ) -> Result<Response<ExportTraceServiceResponse>, Status> {
            let shown = request.metadata().get("x-api-key").map(|key| key.to_str().unwrap().to_owned());
            self.0.lock().unwrap().push_str(&format!("{:?}", request.into_inner()));
            (self.1)(shown.unwrap()).map(|()| Response::new(ExportTraceServiceResponse::default()))
        }
    }

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (address, received) = (listener.local_addr().unwrap(), Arc::default());
    let service = TraceServiceServer::new(Collector(Arc::clone(&received), answer));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
    });
    (address, received)
}

/// A directory that no other test has.
fn directory() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("canary-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Every file below `directory`, as text; panics when none holds `word`.
#[track_caller]
fn files(directory: &Path, word: &str) -> String {
    fn collect(directory: &Path, text: &mut String) {
        for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                collect(&entry.path(), text);
            } else if let Ok(bytes) = std::fs::read(entry.path()) {
                // Most of the lanes' file is empty.
                text.extend(String::from_utf8_lossy(&bytes).split('\0').filter(|part| !part.is_empty()));
            }
        }
    }
    let mut text = String::new();
    collect(directory, &mut text);
    assert!(text.contains(word), "nothing of {word} is below {}", directory.display());
    text
}

/// Every destination that takes a secret, told to send to `address`.
fn configurations(address: SocketAddr) -> Vec<TracerConfig> {
    let shared = |tracer_type| {
        TracerConfig::builder().tracer_type(tracer_type).with(|config| {
            config.delivery.shutdown_timeout = Duration::from_millis(500);
            config.delivery.spool.directory = SpoolDirectory::At(directory());
        })
    };
    let otlp = |url: String, protocol| {
        shared(TracerType::Otlp).otlp_endpoint(url).with(move |config| {
            config.otlp.protocol = Some(protocol);
            config.otlp.headers = vec![("x-api-key".to_owned(), CANARY.into())];
        })
    };
    let with_user = format!("http://me:{CANARY}@{address}");
    vec![
        otlp(format!("http://{address}"), OtlpProtocol::HttpProtobuf)
            .with(|config| {
                let bearer = format!("Bearer {CANARY}").into();
                config.otlp.headers.push(("authorization".to_owned(), bearer));
            })
            .build(),
        otlp(with_user.clone(), OtlpProtocol::HttpJson).build(),
        shared(TracerType::Jaeger).jaeger_endpoint(format!("http://{address}/api/traces")).build(),
        shared(TracerType::ZipkinSdk).zipkin_endpoint(format!("{with_user}/api/v2/spans")).build(),
        shared(TracerType::OtlpSdk)
            .otlp_endpoint(format!("http://{address}"))
            .with(|config| {
                config.otlp.protocol = Some(OtlpProtocol::HttpProtobuf);
                config.otlp.headers = vec![("x-api-key".to_owned(), CANARY.into())];
            })
            .build(),
        shared(TracerType::Zipkin).zipkin_endpoint(format!("{with_user}/api/v2/spans")).build(),
        shared(TracerType::AgentSession)
            .with(|config| {
                config.agent_session.managed = false;
                config.agent_session.endpoint = Some(format!("http://{address}"));
                config.agent_session.api_key = Some(CANARY.into());
            })
            .build(),
    ]
}

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    assert!(!text.contains(CANARY) && !text.contains(BASIC), "{what}: {text}");
}

#[test]
fn credentials_are_in_their_headers_and_nowhere_else() {
    let log = LOG.clone();
    for status in ["401 Unauthorized", "403 Forbidden", "400 Bad Request", "500 Internal Server Error"] {
        let echo = Echo::new(status);
        for config in configurations(echo.address) {
            assert_clean("configuration", &format!("{config:?} {config:#?}"));
            let tracer = create_tracer(config).unwrap();
            drop(tracer.trace_context("work"));
            assert_clean("tracer", &tracer.describe());
            let report = tracer.teardown();
            assert_clean("report", &format!("{report} {report:?}"));
            assert_clean("health", &format!("{:?}", tracer.health()));
        }
        assert_clean("sent", &echo.beside_credentials());
        let requests = echo.requests.lock().unwrap();
        let sent = |part: &str| requests.iter().any(|(head, _)| head.contains(part));
        assert!(sent(&format!("Bearer {CANARY}")) && sent(BASIC), "the receiver gets them");
    }
    assert_clean("log", &String::from_utf8_lossy(&log.0.lock().unwrap()));
}

/// Everything that may hold a secret, in one trace, by way of our interface and of OpenTelemetry's.
fn record_secrets(tracer: &dyn BaseTracer) {
    let text = format!("login with password={CANARY} failed, Authorization: Bearer {CANARY}");
    let url = format!("https://me:{CANARY}@example.com/p?token={CANARY}");
    let prompt = format!(r#"[{{"role":"user","content":"use {{\"api_key\":\"{CANARY}\"}} for it"}}]"#);
    let scope = tracer.trace_context(&format!("GET {url}"));
    scope.set_attribute("user.password", CANARY);
    scope.set_attribute("http.request.header.authorization", CANARY);
    scope.set_attribute("url.full", url.as_str());
    scope.set_attribute("note", text.as_str());
    scope.set_attribute("gen_ai.prompt", prompt.as_str());
    scope.set_attribute("list", [text.as_str(), url.as_str()].as_slice());
    scope.add_link(
        &SpanContext::new(TraceId::from_int(1), SpanId::from_int(1), TraceFlags::SAMPLED),
        &[("api_key", CANARY.into()), ("url", url.as_str().into())],
    );
    scope.add_event(&text);
    scope.record_error_message(&text);
    tracer.add_span_event(&text, &[("api_key", CANARY.into()), ("message", text.as_str().into())]);
    {
        let mut guest = global::tracer("guest").start(format!("GET {url}"));
        guest.set_attribute(KeyValue::new("user.password", CANARY));
        guest.set_attribute(KeyValue::new("url.full", url.clone()));
        guest.add_event(text.clone(), vec![KeyValue::new("api_key", CANARY)]);
        guest.add_link(OtelSpanContext::empty_context(), vec![KeyValue::new("api_key", CANARY)]);
        guest.record_error(&std::io::Error::other(text.clone()));
        guest.set_status(OtelStatus::error(text.clone()));
        guest.update_name(format!("POST {url}"));
        guest.end();
    }
    scope.set_status(StatusCode::Error, &text);
    let trace = scope.finish();
    assert_eq!(trace.spans.len(), 2, "{trace:?}");
    assert_clean("last trace", &format!("{trace:?}"));
}

/// With a secret in the resource, and for guests as well.
fn with_secrets(mut config: TracerConfig) -> Arc<dyn BaseTracer> {
    config.resource_attributes.push(("db.password".to_owned(), CANARY.to_owned()));
    config.instrument_managed = true;
    let tracer = create_tracer(config).unwrap();
    tracer.instrument(0).unwrap();
    tracer
}

/// The provider of OpenTelemetry is one for the whole process.
static GUESTS: Mutex<()> = Mutex::new(());

#[test]
fn secrets_in_spans_do_not_leave_the_process() {
    let _alone = GUESTS.lock().unwrap();
    let log = LOG.clone();
    let echo = Echo::new("200 OK");
    for config in configurations(echo.address) {
        let tracer = with_secrets(config);
        record_secrets(&*tracer);
        tracer.teardown();
    }
    let sent = echo.beside_credentials();
    assert!(sent.contains("example.com") && sent.contains("[redacted]"), "{sent}");
    assert_clean("sent", &sent);

    let (address, received) = grpc(|_| Ok(()));
    let mut config = configurations(address).remove(0);
    config.otlp.protocol = Some(OtlpProtocol::Grpc);
    let tracer = with_secrets(config);
    record_secrets(&*tracer);
    let report = tracer.flush(Duration::from_secs(30));
    assert!(report.is_complete(), "{report}");
    tracer.teardown();
    let received = received.lock().unwrap();
    assert!(received.contains("example.com") && received.contains("[redacted]"), "{received}");
    assert_clean("sent by gRPC", &received);
    assert_clean("log", &String::from_utf8_lossy(&log.0.lock().unwrap()));
}

/// Neither spans' secrets nor credentials are in a file: not while spans wait in lanes, not when they could not be
/// sent, not when they were refused.
#[cfg(target_os = "linux")]
#[test]
fn no_file_holds_a_secret() {
    let _alone = GUESTS.lock().unwrap();
    for status in ["503 Service Unavailable", "401 Unauthorized"] {
        let echo = Echo::new(status);
        for mut config in configurations(echo.address) {
            let directory = directory();
            config.delivery.spool.directory = SpoolDirectory::At(directory.clone());
            config.delivery.schedule_delay = Duration::from_secs(60);
            let tracer = with_secrets(config);
            record_secrets(&*tracer);
            assert_clean("lanes", &files(&directory, "example.com"));
            tracer.flush(Duration::from_millis(200));
            tracer.teardown();
            assert_clean("spool", &files(&directory, "example.com"));
            std::fs::remove_dir_all(directory).unwrap();
        }
    }
}

#[test]
fn a_receiver_over_grpc_says_credentials_back_in_vain() {
    let log = LOG.clone();
    let (address, received) = grpc(|key| Err(Status::permission_denied(format!("no, not with {key}"))));
    let mut config = configurations(address).remove(0);
    config.otlp.protocol = Some(OtlpProtocol::Grpc);
    let tracer = create_tracer(config).unwrap();
    drop(tracer.trace_context("work"));
    tracer.flush(Duration::from_secs(30));
    assert!(!received.lock().unwrap().is_empty());
    let health = format!("{:?}", tracer.health());
    assert!(health.contains("PERMISSION_DENIED"), "{health}");
    assert_clean("health", &health);
    assert_clean("report", &format!("{:?}", tracer.teardown()));
    assert_clean("log", &String::from_utf8_lossy(&log.0.lock().unwrap()));
}

#[test]
fn a_redirect_takes_no_credential_elsewhere() {
    let elsewhere = Echo::new("200 OK");
    for code in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let echo = Echo::new(&format!("{code}\r\nlocation: http://{}/v1/traces", elsewhere.address));
        for config in configurations(echo.address) {
            let tracer = create_tracer(config).unwrap();
            drop(tracer.trace_context("work"));
            tracer.flush(Duration::from_secs(5));
            assert_clean("health", &format!("{:?}", tracer.health()));
            tracer.teardown();
        }
        assert!(!echo.requests.lock().unwrap().is_empty(), "{code}");
    }
    assert!(elsewhere.requests.lock().unwrap().is_empty());
}

#[test]
fn a_private_key_is_not_in_what_is_said_of_it() {
    let log = LOG.clone();
    let directory = directory();
    std::fs::create_dir_all(&directory).unwrap();
    let file = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let pem = |label: &str| format!("-----BEGIN {label}-----\n{CANARY}\n-----END {label}-----\n");
    for key in [pem("PRIVATE KEY"), pem("EC PRIVATE KEY"), CANARY.to_owned()] {
        let mut config = configurations(([127, 0, 0, 1], 9).into()).remove(0);
        config.otlp.endpoint = Some("https://127.0.0.1:9".to_owned());
        config.otlp.tls.client_certificate_file = Some(file("client.pem", pem("CERTIFICATE")));
        config.otlp.tls.client_key_file = Some(file("client.key", key));
        let shown = format!("{config:?}");
        assert!(shown.contains("client.key"), "{shown}");
        assert_clean("configuration", &shown);
        let tracer = match create_tracer(config) {
            Ok(tracer) => tracer,
            Err(error) => {
                assert_clean("error", &format!("{error} {error:?}"));
                continue;
            }
        };
        drop(tracer.trace_context("work"));
        let deadline = Instant::now() + Duration::from_secs(30);
        while tracer.health().is_healthy() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let health = format!("{:?}", tracer.health());
        assert!(!tracer.health().is_healthy(), "{health}");
        assert_clean("health", &health);
        assert_clean("report", &format!("{:?}", tracer.teardown()));
    }
    std::fs::remove_dir_all(directory).unwrap();
    assert_clean("log", &String::from_utf8_lossy(&log.0.lock().unwrap()));
}

#[test]
fn baggage_stays_unless_it_is_asked_for() {
    let mut config = configurations(([127, 0, 0, 1], 9).into()).remove(0);
    config.tracer_types = vec![TracerType::NoOp];
    let incoming = HashMap::from([
        ("traceparent".to_owned(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        ("baggage".to_owned(), format!("user.key={CANARY}")),
    ]);
    for asked in [false, true] {
        if asked {
            config.propagators.push(tracer_factory::Propagator::Baggage);
        }
        let tracer = create_tracer(config.clone()).unwrap();
        let mut sent = HashMap::<String, String>::new();
        tracer.inject_context(&tracer.extract_context(&incoming), &mut sent);
        assert!(sent.contains_key("traceparent"), "{sent:?}");
        assert_eq!(format!("{sent:?}").contains(CANARY), asked);
        tracer.teardown();
    }
}
