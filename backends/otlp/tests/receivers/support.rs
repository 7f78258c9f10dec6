//! A batch, a way to deliver it, and an HTTP/1 server that answers whatever bytes a test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracer_factory_core::config::{OtlpConfig, TracerConfig, TracerType};
use tracer_factory_core::delivery::{Batch, Delivered, Destination, Outcome};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::span::{
    Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode,
};
use tracer_factory_core::value::Value;
use tracer_factory_otlp::BACKEND;

/// Two spans that use every kind of field.
pub(crate) fn spans() -> Vec<SpanData> {
    let trace = TraceId::from_int(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    let resource = Arc::new(Resource {
        attributes: vec![("service.name".to_owned(), Value::from("gateway".to_owned()))],
    });
    let scope = Arc::new(InstrumentationScope { name: "test".to_owned(), version: "1.2".to_owned() });
    let root = SpanData {
        context: SpanContext::new(trace, SpanId::from_int(1), TraceFlags::SAMPLED),
        name: "handle_query \u{1f980}".to_owned(),
        kind: SpanKind::Server,
        start_unix_nanos: 1_700_000_000_000_000_001,
        end_unix_nanos: 1_700_000_000_500_000_002,
        attributes: vec![
            ("text".to_owned(), Value::from("a".to_owned())),
            ("int".to_owned(), Value::Int(i64::MIN)),
            ("double".to_owned(), Value::Double(-0.5)),
            ("bool".to_owned(), Value::Bool(true)),
            ("bytes".to_owned(), Value::from(vec![0, 159, 146, 150])),
            ("array".to_owned(), Value::Array(vec![Value::Int(1), Value::from("b".to_owned())])),
            ("map".to_owned(), Value::Map(vec![("k".into(), Value::Double(2.5))])),
        ],
        status: Status { code: StatusCode::Error, message: "broken".to_owned() },
        events: vec![Event {
            name: "exception".to_owned(),
            time_unix_nanos: 1_700_000_000_250_000_003,
            attributes: vec![("exception.message".to_owned(), Value::from("no".to_owned()))],
            dropped_attributes: 2,
        }],
        links: vec![Link {
            context: SpanContext::new(TraceId::from_int(5), SpanId::from_int(6), TraceFlags::NONE),
            attributes: vec![("why".to_owned(), Value::from("retry".to_owned()))],
            dropped_attributes: 0,
        }],
        dropped_attributes: 3,
        resource: Arc::clone(&resource),
        scope: Arc::clone(&scope),
        ..SpanData::default()
    };
    let child = SpanData {
        context: SpanContext::new(trace, SpanId::from_int(2), TraceFlags::SAMPLED),
        parent_span_id: Some(SpanId::from_int(1)),
        parent_is_remote: Some(false),
        name: "validate".to_owned(),
        start_unix_nanos: 1_700_000_000_100_000_000,
        end_unix_nanos: 1_700_000_000_200_000_000,
        resource,
        scope,
        ..SpanData::default()
    };
    vec![child, root]
}

pub(crate) fn batch() -> Batch {
    Batch::from_spans(&spans())
}

/// The backend as the facade would set it up.
pub(crate) fn connect(otlp: OtlpConfig) -> Result<Box<dyn Destination>, ConfigError> {
    let mut config = TracerConfig::new(TracerType::Otlp);
    config.otlp = otlp;
    let plan = (BACKEND.plan)(&config)?;
    Ok((plan.connect)()?.destination)
}

pub(crate) fn config(url: impl Into<String>) -> OtlpConfig {
    let mut config = OtlpConfig::default();
    config.endpoint = Some(url.into());
    config
}

pub(crate) async fn deliver_to(url: impl Into<String>) -> Outcome {
    connect(config(url)).unwrap().deliver(&batch()).await
}

#[track_caller]
pub(crate) fn delivered(outcome: Outcome) -> Delivered {
    match outcome {
        Outcome::Delivered(delivered) => delivered,
        other => panic!("not delivered: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn rejected(outcome: Outcome) -> String {
    match outcome {
        Outcome::Rejected(error) => error.to_string(),
        other => panic!("not rejected: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn retried(outcome: Outcome) -> (Option<Duration>, String) {
    match outcome {
        Outcome::Retry { after, error } => (after, error.to_string()),
        other => panic!("not to be tried again: {other:?}"),
    }
}

/// What a server got.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Counted from 0 in the order of `accept`.
    pub(crate) connection: usize,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What it does then.
pub(crate) enum Answer {
    /// Sends these bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Sends these bytes and hangs up.
    Last(Vec<u8>),
    /// Sends these bytes, then single ones for ever, too fast for any limit on silence.
    Trickle(Vec<u8>),
    /// Sends nothing and keeps the connection.
    Silence,
}

pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: mpsc::UnboundedReceiver<Received>,
}

impl Server {
    /// Answers each request of each connection with what `respond` makes.
    pub(crate) async fn start(respond: impl Fn() -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        let respond = Arc::new(respond);
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(handle(stream, connection, sender.clone(), Arc::clone(&respond)));
                connection += 1;
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

pub(crate) async fn handle<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    connection: usize,
    sender: mpsc::UnboundedSender<Received>,
    respond: Arc<impl Fn() -> Answer>,
) {
    while let Some(mut received) = read_request(&mut stream).await {
        received.connection = connection;
        let _ = sender.send(received);
        match respond() {
            Answer::Bytes(bytes) => drop(stream.write_all(&bytes).await),
            Answer::Last(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Answer::Trickle(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let mut tick = tokio::time::interval(Duration::from_millis(5));
                while stream.write_all(b"x").await.is_ok() {
                    tick.tick().await;
                }
            }
            Answer::Silence => std::future::pending().await,
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    };
    let mut body = bytes.split_off(end);
    let mut received = Received { head: String::from_utf8(bytes).unwrap(), body: Vec::new(), connection: 0 };
    let length: usize = received.header("content-length").map_or(0, |value| value.parse().unwrap());
    while body.len() < length {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
        body.extend_from_slice(&chunk[..n]);
    }
    received.body = body;
    Some(received)
}
