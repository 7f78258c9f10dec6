//! What a tracer is made from: plain fields, a builder, and nothing that reads the environment.

pub mod bounds;
mod builder;
mod debug;
mod endpoint;
mod header;
mod plaintext;
mod redact;
mod spool;
mod tracer_type;
mod validate;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

pub use builder::TracerConfigBuilder;
pub use endpoint::{Endpoint, EndpointError, shown_endpoint};
pub use header::{HeaderError, check_header};
pub use redact::{RedactConfig, RedactMode, UrlQuery};
pub use spool::{Fsync, Overflow, SpoolConfig, SpoolDirectory};
pub use tracer_type::TracerType;

use crate::propagation::Propagator;

/// Everything that decides where a worker's traces go and what is in them.
///
/// `TracerConfig::default()` is what an empty environment means; [`TracerConfig::from_env`](crate::env) reads one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TracerConfig {
    /// The destinations; more than one receive the same spans.
    pub tracer_types: Vec<TracerType>,
    /// `service.name` of the resource.
    pub service_name: String,
    /// `service.version` of the resource.
    pub service_version: Option<String>,
    /// `deployment.environment.name` of the resource.
    pub environment: Option<String>,
    /// The project that spans are filed under (`project.name` of the resource; Phoenix reads `openinference.project.name`).
    pub project: Option<String>,
    /// More attributes of the resource; later ones win.
    pub resource_attributes: Vec<(String, String)>,
    /// The share of new traces that are recorded, 0 to 1.
    pub sampling_rate: f64,
    /// Whether `instrument` may install process-wide pieces.
    pub instrument_managed: bool,
    /// Header formats, in the order they are tried.
    pub propagators: Vec<Propagator>,
    /// Bounds on what one span may hold.
    pub limits: Limits,
    /// What is taken out of spans before they are recorded.
    pub redact: RedactConfig,
    /// Whether what people and models say to each other is recorded; when nobody says, for agent sessions only.
    pub capture_messages: Option<bool>,
    /// Whether credentials may go to another host without TLS.
    pub allow_plaintext_credentials: bool,
    /// How finished spans are gathered and sent.
    pub delivery: DeliveryConfig,
    /// The OTLP destination.
    pub otlp: OtlpConfig,
    /// The Jaeger destination.
    pub jaeger: JaegerConfig,
    /// The Zipkin destination.
    pub zipkin: ZipkinConfig,
    /// The console destination.
    pub console: ConsoleConfig,
    /// The agent-session destination and its embedded server.
    pub agent_session: AgentSessionConfig,
}

impl Default for TracerConfig {
    fn default() -> Self {
        Self {
            tracer_types: vec![TracerType::AgentSession],
            service_name: default_service_name(),
            service_version: None,
            environment: None,
            project: None,
            resource_attributes: Vec::new(),
            sampling_rate: 1.0,
            instrument_managed: false,
            propagators: vec![Propagator::TraceContext],
            limits: Limits::default(),
            redact: RedactConfig::default(),
            capture_messages: None,
            allow_plaintext_credentials: false,
            delivery: DeliveryConfig::default(),
            otlp: OtlpConfig::default(),
            jaeger: JaegerConfig::default(),
            zipkin: ZipkinConfig::default(),
            console: ConsoleConfig::default(),
            agent_session: AgentSessionConfig::default(),
        }
    }
}

impl TracerConfig {
    /// The defaults, for one destination.
    pub fn new(tracer_type: TracerType) -> Self {
        Self { tracer_types: vec![tracer_type], ..Self::default() }
    }

    /// Whether what people and models say to each other is recorded.
    pub fn captures_messages(&self) -> bool {
        self.capture_messages.unwrap_or_else(|| self.tracer_types.contains(&TracerType::AgentSession))
    }

    /// A builder that starts from the defaults.
    pub fn builder() -> TracerConfigBuilder {
        TracerConfigBuilder::default()
    }

    /// A builder that starts from this configuration, such as one from the environment: what code says wins.
    pub fn into_builder(self) -> TracerConfigBuilder {
        TracerConfigBuilder::from(self)
    }
}

/// `unknown_service:<program>`, as OpenTelemetry names a service nobody named.
fn default_service_name() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|path| path.file_stem().map(|stem| format!("unknown_service:{}", stem.to_string_lossy())))
        .unwrap_or_else(|| "unknown_service".to_owned())
}

/// Bounds on one span. What goes beyond is dropped and counted on the span.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Attributes of a span; `u32::MAX` is no limit.
    pub attributes: u32,
    /// Events of a span.
    pub events: u32,
    /// Links of a span.
    pub links: u32,
    /// Attributes of one event.
    pub event_attributes: u32,
    /// Attributes of one link.
    pub link_attributes: u32,
    /// Bytes of one text or byte value; longer ones are cut at a character's border.
    pub value_bytes: usize,
    /// Bytes of one encoded span; later attributes and events are dropped when it is full.
    pub span_bytes: usize,
    /// Bytes of one trace that `get_last_trace` keeps.
    pub last_trace_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attributes: 128,
            events: 128,
            links: 128,
            event_attributes: 128,
            link_attributes: 128,
            value_bytes: usize::MAX,
            span_bytes: 1 << 20,
            last_trace_bytes: 8 << 20,
        }
    }
}

/// How finished spans are gathered and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryConfig {
    /// The longest a finished span waits before it is sent.
    pub schedule_delay: Duration,
    /// Spans in one request.
    pub max_batch_spans: usize,
    /// Bytes of spans in one request.
    pub max_batch_bytes: usize,
    /// Bytes of finished spans kept for one destination while it does not answer; beyond, the oldest are dropped and counted.
    pub queue_bytes: usize,
    /// Bytes of finished spans one thread may have waiting to be gathered.
    pub lane_bytes: usize,
    /// What a recording thread does when its lane is full.
    pub overflow: Overflow,
    /// What is kept on disk.
    pub spool: SpoolConfig,
    /// How long teardown and the drop of the last handle may take.
    pub shutdown_timeout: Duration,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            schedule_delay: Duration::from_millis(1000),
            max_batch_spans: 2048,
            max_batch_bytes: 512 << 10,
            queue_bytes: 64 << 20,
            lane_bytes: 1 << 20,
            overflow: Overflow::default(),
            spool: SpoolConfig::default(),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf over gRPC.
    Grpc,
    /// Protobuf over HTTP.
    HttpProtobuf,
    /// JSON over HTTP.
    HttpJson,
}

/// Compression of request bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// gzip.
    Gzip,
}

/// Certificates beside the bundled and the system's roots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsConfig {
    /// PEM file with certificate authorities to trust as well.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate chain.
    pub client_certificate_file: Option<PathBuf>,
    /// PEM file with the client's private key.
    pub client_key_file: Option<PathBuf>,
}

/// The OTLP destination.
#[derive(Clone)]
#[non_exhaustive]
pub struct OtlpConfig {
    /// Base or full URL; `http://localhost:4317` (gRPC) or `:4318` (HTTP) when absent.
    pub endpoint: Option<String>,
    /// True when `endpoint` is used as it is, without appending the signal's path (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`).
    pub endpoint_is_exact: bool,
    /// Follows from the endpoint's port or path when absent.
    pub protocol: Option<OtlpProtocol>,
    /// Sent with each request; values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// Holds `name=value` pairs by comma, as `OTLP_HEADERS` does, and is read again when it is replaced (but
    /// not by `otlp-sdk`). Its headers win over [`headers`](Self::headers) of the same name.
    pub headers_file: Option<PathBuf>,
    /// One request's limit.
    pub timeout: Duration,
    /// Compression of the bodies.
    pub compression: Compression,
    /// Certificates.
    pub tls: TlsConfig,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            endpoint_is_exact: false,
            protocol: None,
            headers: Vec::new(),
            headers_file: None,
            timeout: Duration::from_secs(10),
            compression: Compression::None,
            tls: TlsConfig::default(),
        }
    }
}

/// The Jaeger destination.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JaegerConfig {
    /// `http(s)://host:14268/api/traces` (Thrift), `udp://host:6831` (compact Thrift), or an OTLP URL on port 4317 or 4318.
    pub endpoint: String,
    /// One request's limit.
    pub timeout: Duration,
    /// Certificates.
    pub tls: TlsConfig,
}

impl Default for JaegerConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:14268/api/traces".to_owned(),
            timeout: Duration::from_secs(10),
            tls: TlsConfig::default(),
        }
    }
}

/// The Zipkin destination.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZipkinConfig {
    /// The URL of the v2 collector.
    pub endpoint: String,
    /// One request's limit.
    pub timeout: Duration,
    /// Certificates.
    pub tls: TlsConfig,
}

impl Default for ZipkinConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:9411/api/v2/spans".to_owned(),
            timeout: Duration::from_secs(10),
            tls: TlsConfig::default(),
        }
    }
}

/// The form of console output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ConsoleFormat {
    /// One tree a trace, for people.
    #[default]
    Tree,
    /// One JSON object a span and line, for programs.
    Json,
}

/// The console destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsoleConfig {
    /// Tree or JSON lines.
    pub format: ConsoleFormat,
    /// Standard error instead of standard output.
    pub stderr: bool,
}

/// The agent-session destination and its embedded server.
#[derive(Clone)]
#[non_exhaustive]
pub struct AgentSessionConfig {
    /// Whether a server is started or joined; otherwise one is expected at `endpoint`.
    pub managed: bool,
    /// A managed server lives in this process and ends with it; otherwise it is a process of its own that outlives this one.
    pub daemon: bool,
    /// Where a managed server listens; the next free port is taken when this one is someone else's.
    pub listen: SocketAddr,
    /// Where spans are sent when no server is managed: a base or full OTLP/HTTP URL.
    pub endpoint: Option<String>,
    /// True when `endpoint` is used as it is, without appending the signal's path (`AGENTOPS_EXPORTER_ENDPOINT`).
    pub endpoint_is_exact: bool,
    /// The `tracer-factory` program for `daemon = false`; searched on `PATH` when absent.
    pub server_bin: Option<PathBuf>,
    /// Sent as a bearer token.
    pub api_key: Option<SecretString>,
    /// Holds the key, wins over [`api_key`](Self::api_key), and is read again when it is replaced.
    pub api_key_file: Option<PathBuf>,
    /// Certificates for a server that is not managed.
    pub tls: TlsConfig,
    /// Bytes of spans the embedded server keeps; the oldest traces go first.
    pub max_bytes: usize,
}

impl AgentSessionConfig {
    /// The port that a managed server tries first.
    pub const DEFAULT_PORT: u16 = 4319;
}

impl Default for AgentSessionConfig {
    fn default() -> Self {
        Self {
            managed: true,
            daemon: true,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Self::DEFAULT_PORT),
            endpoint: None,
            endpoint_is_exact: false,
            server_bin: None,
            api_key: None,
            api_key_file: None,
            tls: TlsConfig::default(),
            max_bytes: 256 << 20,
        }
    }
}
