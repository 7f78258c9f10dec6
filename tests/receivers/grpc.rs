//! An OTLP receiver over gRPC.

use std::net::TcpListener;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::{Protocol, Received, Receiver};

struct Collector(Arc<Received>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for spans in request.into_inner().resource_spans {
            let service = service(spans.resource.as_ref());
            let count = spans.scope_spans.iter().map(|scope| scope.spans.len()).sum();
            self.0.add(Protocol::Otlp, std::iter::repeat_n(service, count));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn service(resource: Option<&Resource>) -> String {
    let mut attributes = resource.into_iter().flat_map(|resource| &resource.attributes);
    let name = attributes.find(|attribute| attribute.key == "service.name");
    match name.and_then(|name| name.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name.clone(),
        _ => String::new(),
    }
}

pub(crate) fn start() -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let receiver = Receiver { address: listener.local_addr().unwrap(), received: Arc::default() };
    let service = TraceServiceServer::new(Collector(Arc::clone(&receiver.received)))
        .max_decoding_message_size(usize::MAX);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
    });
    receiver
}
