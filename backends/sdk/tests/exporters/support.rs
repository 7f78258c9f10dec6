//! Spans that both models can hold, and receivers that keep what they get.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::delivery::{Backend, Batch, Destination};
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::span::{
    Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status as SpanStatus, StatusCode,
};
use tracer_factory_core::value::Value;

pub(crate) fn spans() -> Vec<SpanData> {
    let trace = TraceId::from_int(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    let text = |text: &str| Value::from(text.to_owned());
    let resource = Arc::new(Resource {
        attributes: vec![("service.name".to_owned(), text("gateway")), ("n".to_owned(), Value::Int(1))],
    });
    let scope = |name: &str, version: &str| {
        Arc::new(InstrumentationScope { name: name.to_owned(), version: version.to_owned() })
    };
    let mut context = SpanContext::new(trace, SpanId::from_int(1), TraceFlags::SAMPLED);
    context.trace_state = tracer_factory_core::propagation::TraceState::parse(["a=1,b=2"]).unwrap();
    let root = SpanData {
        context,
        parent_is_remote: Some(false),
        name: "handle_query \u{1f980}".to_owned(),
        kind: SpanKind::Server,
        start_unix_nanos: 1_700_000_000_000_000_001,
        end_unix_nanos: 1_700_000_000_500_000_002,
        attributes: vec![
            ("text".to_owned(), text("a")),
            ("int".to_owned(), Value::Int(i64::MIN)),
            ("double".to_owned(), Value::Double(f64::INFINITY)),
            ("bool".to_owned(), Value::Bool(true)),
            ("array".to_owned(), Value::Array(vec![text("b"), text("c")])),
        ],
        status: SpanStatus { code: StatusCode::Error, message: "broken".to_owned() },
        events: vec![Event {
            name: "exception".to_owned(),
            time_unix_nanos: 1_700_000_000_250_000_003,
            attributes: vec![("exception.message".to_owned(), text("no"))],
            dropped_attributes: 2,
        }],
        links: vec![Link {
            context: SpanContext::new(TraceId::from_int(5), SpanId::from_int(6), TraceFlags::NONE),
            attributes: vec![("why".to_owned(), text("retry"))],
            dropped_attributes: 1,
        }],
        dropped_attributes: 3,
        dropped_events: 4,
        dropped_links: 5,
        resource: Arc::clone(&resource),
        scope: scope("http", "1.2"),
        ..SpanData::default()
    };
    let child = |id: u64, kind: SpanKind, code: StatusCode, remote: bool| SpanData {
        context: SpanContext::new(trace, SpanId::from_int(id), TraceFlags::SAMPLED),
        parent_span_id: Some(SpanId::from_int(1)),
        parent_is_remote: Some(remote),
        name: format!("child {id}"),
        kind,
        start_unix_nanos: 1_700_000_000_100_000_000,
        end_unix_nanos: 1_700_000_000_200_000_000,
        status: SpanStatus { code, message: String::new() },
        resource: Arc::clone(&resource),
        scope: scope("db", ""),
        ..SpanData::default()
    };
    vec![
        root,
        child(2, SpanKind::Internal, StatusCode::Unset, false),
        child(3, SpanKind::Client, StatusCode::Ok, true),
        child(4, SpanKind::Producer, StatusCode::Unset, false),
        child(5, SpanKind::Consumer, StatusCode::Unset, true),
    ]
}

pub(crate) fn batch() -> Batch {
    Batch::from_spans(&spans())
}

/// The backend as the facade would set it up.
pub(crate) fn connect(backend: &Backend, change: impl FnOnce(&mut TracerConfig)) -> Box<dyn Destination> {
    let mut config = TracerConfig::new(TracerType::OtlpSdk);
    change(&mut config);
    let plan = (backend.plan)(&config).unwrap();
    (plan.connect)().unwrap().destination
}

/// Requests in the order they came.
pub(crate) type Kept<T> = Arc<Mutex<Vec<T>>>;

struct Collector {
    kept: Kept<Request<ExportTraceServiceRequest>>,
    status: Option<Status>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.kept.lock().unwrap().push(request);
        match &self.status {
            Some(status) => Err(status.clone()),
            None => Ok(Response::new(ExportTraceServiceResponse::default())),
        }
    }
}

/// A gRPC collector that always answers so; its URL and what it got.
pub(crate) async fn grpc(status: Option<Status>) -> (String, Kept<Request<ExportTraceServiceRequest>>) {
    grpc_from(Server::builder(), status).await
}

/// The same, from a server with its own settings.
pub(crate) async fn grpc_from(
    mut server: Server,
    status: Option<Status>,
) -> (String, Kept<Request<ExportTraceServiceRequest>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kept = Kept::default();
    let service = TraceServiceServer::new(Collector { kept: Arc::clone(&kept), status })
        .accept_compressed(CompressionEncoding::Gzip);
    tokio::spawn(server.add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    (url, kept)
}

/// Head and body of a request.
pub(crate) type HttpRequest = (String, Vec<u8>);

/// An HTTP receiver that always answers so; its base URL and what it got.
pub(crate) async fn http(answer: &'static str) -> (String, Kept<HttpRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kept = Kept::default();
    let keep = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream, answer, Arc::clone(&keep)));
        }
    });
    (url, kept)
}

async fn answer_all(mut stream: TcpStream, answer: &'static str, kept: Kept<HttpRequest>) -> Option<()> {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            stream.read_buf(&mut bytes).await.ok().filter(|n| *n > 0)?;
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let total = end + 4 + length.parse::<usize>().unwrap();
        while bytes.len() < total {
            stream.read_buf(&mut bytes).await.ok().filter(|n| *n > 0)?;
        }
        let body = bytes[end + 4..total].to_vec();
        bytes.drain(..total);
        kept.lock().unwrap().push((head, body));
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}
