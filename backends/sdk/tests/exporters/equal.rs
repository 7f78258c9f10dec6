//! The same spans through upstream's encoder and through ours decode equal.
//!
//! Two freedoms are evened out first: upstream sorts nothing in a resource and writes an unset status
//! as an empty message, where ours leaves it out.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Status;
use prost::Message;
use tracer_factory_core::config::{Endpoint, OtlpProtocol};
use tracer_factory_core::delivery::Destination;
use tracer_factory_core::delivery::Outcome;
use tracer_factory_core::http::otlp::{OtlpTarget, otlp_destination};
use tracer_factory_sdk::OTLP_SDK;

use crate::support::*;

fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url, Endpoint::HTTP).unwrap()
}

fn even(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    for resource_spans in &mut request.resource_spans {
        if let Some(resource) = &mut resource_spans.resource {
            resource.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        }
        resource_spans.scope_spans.sort_by_key(|scope_spans| scope_spans.scope.clone().unwrap().name);
        for span in resource_spans.scope_spans.iter_mut().flat_map(|scope_spans| &mut scope_spans.spans) {
            if span.status == Some(Status::default()) {
                span.status = None;
            }
        }
    }
    request
}

#[tokio::test]
async fn over_http() {
    let (url, kept) = http("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut theirs = connect(&OTLP_SDK, |config| {
        config.otlp.endpoint = Some(url.clone());
        config.otlp.protocol = Some(OtlpProtocol::HttpProtobuf);
    });
    let mut ours = otlp_destination(OtlpTarget::new("X", endpoint(&format!("{url}/v1/traces")))).unwrap();
    assert_eq!(theirs.deliver(&batch()).await, Outcome::all());
    assert_eq!(ours.deliver(&batch()).await, Outcome::all());
    let kept = kept.lock().unwrap();
    let [theirs, ours] =
        [0, 1].map(|i| even(ExportTraceServiceRequest::decode(kept[i].1.as_slice()).unwrap()));
    assert_eq!(theirs, ours);
    assert_eq!(kept[0].0.lines().next(), kept[1].0.lines().next(), "the same path");
}

#[tokio::test]
async fn over_grpc() {
    let (url, kept) = grpc(None).await;
    let mut theirs = connect(&OTLP_SDK, |config| config.otlp.endpoint = Some(url.clone()));
    let mut ours = otlp_destination(OtlpTarget::new("X", endpoint(&url))).unwrap();
    assert_eq!(theirs.deliver(&batch()).await, Outcome::all());
    assert_eq!(ours.deliver(&batch()).await, Outcome::all());
    let kept = kept.lock().unwrap();
    let [theirs, ours] = [0, 1].map(|i| even(kept[i].get_ref().clone()));
    assert_eq!(theirs, ours);
}
