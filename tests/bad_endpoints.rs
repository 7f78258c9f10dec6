//! Endpoints that are no endpoints: each is an error that names the setting, or spans that are counted, and words that
//! say where and why. Never a panic, never a hang.
#![allow(clippy::unwrap_used)]
#![cfg(all(
    feature = "agent-session",
    feature = "jaeger",
    feature = "otlp",
    feature = "sdk",
    feature = "zipkin"
))]

mod receivers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use receivers::{Answer, Refusing, Silent, http};
use tracer_factory::config::{OtlpProtocol, SpoolDirectory};
use tracer_factory::{BaseTracer, ConfigError, DestinationReport, TracerConfig, TracerType, create_tracer};

/// What teardown is told to keep to.
const DEADLINE: Duration = Duration::from_millis(100);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(20);

/// A backend that sends somewhere, and how it is told where.
#[derive(Clone, Copy, Debug)]
struct Networked {
    name: &'static str,
    /// Where its receivers take spans.
    path: &'static str,
    tracer_type: fn() -> TracerType,
    set: fn(&mut TracerConfig, String),
}

const NETWORKED: [Networked; 8] = [
    Networked {
        name: "otlp over gRPC",
        path: "",
        tracer_type: || TracerType::Otlp,
        set: |config, url| {
            config.otlp.endpoint = Some(url);
            config.otlp.protocol = Some(OtlpProtocol::Grpc);
        },
    },
    Networked {
        name: "otlp over HTTP",
        path: "/v1/traces",
        tracer_type: || TracerType::Otlp,
        set: |config, url| {
            config.otlp.endpoint = Some(url);
            config.otlp.protocol = Some(OtlpProtocol::HttpProtobuf);
        },
    },
    Networked {
        name: "otlp in JSON",
        path: "/v1/traces",
        tracer_type: || TracerType::Otlp,
        set: |config, url| {
            config.otlp.endpoint = Some(url);
            config.otlp.protocol = Some(OtlpProtocol::HttpJson);
        },
    },
    Networked {
        name: "jaeger",
        path: "/api/traces",
        tracer_type: || TracerType::Jaeger,
        set: |config, url| config.jaeger.endpoint = url,
    },
    Networked {
        name: "zipkin",
        path: "/api/v2/spans",
        tracer_type: || TracerType::Zipkin,
        set: |config, url| config.zipkin.endpoint = url,
    },
    Networked {
        name: "agent-session",
        path: "/v1/traces",
        tracer_type: || TracerType::AgentSession,
        set: |config, url| {
            config.agent_session.managed = false;
            config.agent_session.endpoint = Some(url);
        },
    },
    Networked {
        name: "otlp-sdk",
        path: "/v1/traces",
        tracer_type: || TracerType::OtlpSdk,
        set: |config, url| {
            config.otlp.endpoint = Some(url);
            config.otlp.protocol = Some(OtlpProtocol::HttpProtobuf);
        },
    },
    Networked {
        name: "zipkin-sdk",
        path: "/api/v2/spans",
        tracer_type: || TracerType::ZipkinSdk,
        set: |config, url| config.zipkin.endpoint = url,
    },
];

impl Networked {
    fn tracer(&self, url: String) -> Result<Arc<dyn BaseTracer>, ConfigError> {
        let mut config = TracerConfig::new((self.tracer_type)());
        // What was not delivered is lost at the end, and counted; keeping it is tested elsewhere.
        config.delivery.spool.directory = SpoolDirectory::Off;
        config.delivery.shutdown_timeout = DEADLINE;
        (self.set)(&mut config, url);
        create_tracer(config)
    }

    /// What became of one span that was sent to `address`, in time.
    #[track_caller]
    fn outcome(&self, address: SocketAddr) -> DestinationReport {
        self.outcome_when(address, |destination| destination.pending == 0 || destination.last_error.is_some())
    }

    /// The same, with a teardown that begins once `ready` says so.
    #[track_caller]
    fn outcome_when(&self, address: SocketAddr, ready: fn(&DestinationReport) -> bool) -> DestinationReport {
        let tracer = self.tracer(format!("http://{address}{}", self.path)).unwrap();
        drop(tracer.trace_context("work"));
        let begin = Instant::now();
        while !ready(&tracer.flush(Duration::from_millis(20)).destinations[0]) {
            assert!(begin.elapsed() < SLACK, "{}: nothing has happened", self.name);
        }
        let begin = Instant::now();
        let report = tracer.teardown();
        let took = begin.elapsed();
        assert!(took < DEADLINE + SLACK, "{}: the deadline is {DEADLINE:?}, and it took {took:?}", self.name);
        assert!(report.adds_up() && report.accepted == 1, "{}: {report}", self.name);
        let [destination] = &report.destinations[..] else { panic!("{}: {report}", self.name) };
        assert_eq!((destination.delivered, destination.pending), (0, 0), "{}: {report}", self.name);
        destination.clone()
    }
}

#[test]
fn what_is_no_url_is_refused_by_name() {
    let long = format!("http://{}", "x".repeat(100_000));
    for url in [
        "",
        " ",
        "localhost",
        "localhost:4318",
        "//localhost",
        "http://",
        "http:///path",
        "http://:4318",
        "http://h:0",
        "http://h:99999",
        "http://h:x",
        "ftp://h",
        "tcp://h:1",
        "http://[::1",
        "http://h h",
        "http://h\r\nx: y",
        "\0",
        "http://\u{1f980}",
        "http:/h",
        "http//h",
        &long,
    ] {
        for backend in NETWORKED {
            let error = match backend.tracer(url.to_owned()) {
                Err(error) => error.to_string(),
                Ok(_) => panic!("{}: {url:?} was taken for a URL", backend.name),
            };
            assert!(error.to_lowercase().contains("endpoint"), "{}: {url:?}: {error}", backend.name);
            assert!(error.len() < 1_000 && !error.contains(['\r', '\0']), "{}: {error:?}", backend.name);
        }
    }
}

#[test]
fn a_refused_connection_is_counted_and_named() {
    for backend in NETWORKED {
        let refusing = Refusing::new();
        let outcome = backend.outcome(refusing.address);
        assert_eq!(outcome.dropped_total(), 1, "{}: {outcome:?}", backend.name);
        let error = outcome.last_error.unwrap_or_default();
        assert!(error.contains(&refusing.address.to_string()), "{} says where: {error}", backend.name);
        assert!(
            error.to_lowercase().contains("refused") || error.contains("nothing listens"),
            "{}: {error}",
            backend.name
        );
    }
}

#[test]
fn a_receiver_that_hangs_is_counted_in_time() {
    for backend in NETWORKED {
        let silent = Silent::new();
        let outcome = backend.outcome_when(silent.address, |_| true);
        assert_eq!(outcome.dropped_total(), 1, "{}: {outcome:?}", backend.name);
    }
}

/// A request's own limit is not teardown's: a receiver that hangs is told of before anybody tears down.
#[test]
fn a_request_s_limit_makes_a_hanging_receiver_known() {
    for backend in NETWORKED {
        let silent = Silent::new();
        let mut config = TracerConfig::new((backend.tracer_type)());
        // What was not delivered is lost at the end, and counted; keeping it is tested elsewhere.
        config.delivery.spool.directory = SpoolDirectory::Off;
        config.delivery.shutdown_timeout = DEADLINE;
        let limit = Duration::from_millis(50);
        (config.otlp.timeout, config.jaeger.timeout, config.zipkin.timeout) = (limit, limit, limit);
        (backend.set)(&mut config, format!("http://{}{}", silent.address, backend.path));
        if config.tracer_types == [TracerType::AgentSession] {
            // It has no such setting.
            continue;
        }
        let tracer = create_tracer(config).unwrap();
        drop(tracer.trace_context("work"));
        let begin = Instant::now();
        while tracer.health().is_healthy() {
            tracer.flush(Duration::from_millis(20));
            assert!(begin.elapsed() < SLACK, "{}: nobody is told", backend.name);
        }
        let health = tracer.health();
        let error = health.destinations[0].error.clone().unwrap_or_default();
        assert!(error.contains(&silent.address.to_string()), "{} says where: {error}", backend.name);
        assert!(tracer.teardown().adds_up());
    }
}

const PAGE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 26\r\n\r\n<html>welcome, human</html";
const REDIRECT: &str =
    "HTTP/1.1 302 Found\r\nlocation: http://elsewhere.invalid/login\r\ncontent-length: 0\r\n\r\n";
const NOT_HTTP: &str = "220 mail.example ESMTP\r\n";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nno\n";
const ENDLESS_HEAD: &str = "HTTP/1.1 200 OK\r\nx: ";

/// gRPC speaks HTTP/2: whatever an HTTP/1.1 server says, it is not that.
fn speaks_http1(backend: &Networked) -> bool {
    backend.name != "otlp over gRPC"
}

#[test]
fn a_web_page_is_no_receiver() {
    let receiver = http(Answer::Bytes(PAGE));
    for backend in NETWORKED {
        let outcome = backend.outcome(receiver.address);
        assert_eq!(outcome.rejected + outcome.dropped_total(), 1, "{}: {outcome:?}", backend.name);
        if speaks_http1(&backend) {
            let error = outcome.last_error.unwrap_or_default();
            assert_eq!(outcome.rejected, 1, "{}: trying again helps nobody: {error}", backend.name);
            assert!(error.contains("web page"), "{}: {error}", backend.name);
        }
    }
}

#[test]
fn redirects_are_told_and_not_followed() {
    let receiver = http(Answer::Bytes(REDIRECT));
    for backend in NETWORKED.iter().filter(|backend| speaks_http1(backend)) {
        let outcome = backend.outcome(receiver.address);
        let error = outcome.last_error.unwrap_or_default();
        assert_eq!(outcome.rejected, 1, "{}: {error}", backend.name);
        assert!(
            error.contains("redirect") && error.contains("elsewhere.invalid"),
            "{}: {error}",
            backend.name
        );
    }
}

#[test]
fn a_wrong_path_is_told() {
    let receiver = http(Answer::Bytes(NOT_FOUND));
    for backend in NETWORKED.iter().filter(|backend| speaks_http1(backend)) {
        let outcome = backend.outcome(receiver.address);
        let error = outcome.last_error.unwrap_or_default();
        assert_eq!(outcome.rejected, 1, "{}: {error}", backend.name);
        assert!(error.contains("404") && error.contains(backend.path), "{}: {error}", backend.name);
    }
}

#[test]
fn what_speaks_another_protocol_is_counted() {
    for answer in [NOT_HTTP, ENDLESS_HEAD, "\0\0\0\0", ""] {
        let receiver = http(Answer::Bytes(answer));
        for backend in NETWORKED {
            let outcome = backend.outcome(receiver.address);
            assert_eq!(outcome.rejected + outcome.dropped_total(), 1, "{}: {outcome:?}", backend.name);
            assert!(outcome.last_error.is_some(), "{}: {answer:?}: {outcome:?}", backend.name);
        }
    }
}

/// UDP has no answer to be missed: what was handed to the network is delivered, the rest is counted.
#[test]
fn an_agent_that_is_not_there_breaks_nothing() {
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut config = TracerConfig::new(TracerType::Jaeger);
    // What was not delivered is lost at the end, and counted; keeping it is tested elsewhere.
    config.delivery.spool.directory = SpoolDirectory::Off;
    config.jaeger.endpoint = format!("udp://127.0.0.1:{port}");
    config.delivery.shutdown_timeout = DEADLINE;
    let tracer = create_tracer(config).unwrap();
    for _ in 0..3 {
        drop(tracer.trace_context("work"));
        tracer.flush(DEADLINE);
    }
    let report = tracer.teardown();
    assert!(report.adds_up() && report.accepted == 3 && report.destinations[0].pending == 0, "{report}");
}

#[test]
fn the_embedded_server_takes_only_addresses_of_this_machine() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:4319"] {
        let mut config = TracerConfig::new(TracerType::AgentSession);
        // What was not delivered is lost at the end, and counted; keeping it is tested elsewhere.
        config.delivery.spool.directory = SpoolDirectory::Off;
        config.agent_session.listen = listen.parse().unwrap();
        let error = create_tracer(config).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("listen") && error.contains("127.0.0.1"), "{listen}: {error}");
    }
}

/// A server that is none of ours has the port: the embedded one takes another.
#[test]
fn the_embedded_server_steps_over_a_port_that_is_taken() {
    let stranger = http(Answer::Bytes(PAGE));
    let mut config = TracerConfig::new(TracerType::AgentSession);
    // What was not delivered is lost at the end, and counted; keeping it is tested elsewhere.
    config.delivery.spool.directory = SpoolDirectory::Off;
    config.agent_session.listen = stranger.address;
    config.delivery.shutdown_timeout = Duration::from_secs(60);
    let tracer = create_tracer(config).unwrap();
    drop(tracer.trace_context("work"));
    let report = tracer.teardown();
    assert!(report.is_complete() && report.accepted == 1, "{report}");
    assert!(!report.destinations[0].endpoint.contains(&stranger.address.to_string()), "{report}");
}
