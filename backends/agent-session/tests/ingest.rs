//! Spans in by OTLP over HTTP, traces out, with opentelemetry-proto as the other side.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tracer_factory_agent_session::{QueryClient, TraceQuery};
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::{decode_json_request, decode_request};

fn stored(url: &str, trace: u128) -> ExportTraceServiceRequest {
    let answer = get(&format!("{url}/api/traces/{trace:032x}"));
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"), "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn protobuf_and_json_plain_and_gzip_are_the_same_trace() {
    let server = start();
    for (number, path) in [(1u128, "/v1/traces"), (5, "/traces")] {
        let spans =
            |trace: u128| request("shop", vec![span(trace, 1, 0, "root"), span(trace, 2, 1, "child")]);
        let url = format!("{}{path}", server.url());
        let json = |trace| serde_json::to_vec(&spans(trace)).unwrap();
        let answers = [
            post(&url, &[PROTOBUF], &spans(number).encode_to_vec()),
            post(&url, &[PROTOBUF, GZIP], &gzip(&spans(number + 1).encode_to_vec())),
            post(&url, &[("content-type", "application/json; charset=utf-8")], &json(number + 2)),
            post(&url, &[JSON, GZIP], &gzip(&json(number + 3))),
        ];
        for (answer, content_type) in answers.iter().zip([
            "application/x-protobuf",
            "application/x-protobuf",
            "application/json",
            "application/json",
        ]) {
            assert_eq!(
                (answer.status, answer.content_type.as_str()),
                (200, content_type),
                "{}",
                answer.text()
            );
        }
        let response = ExportTraceServiceResponse::decode(&answers[0].body[..]).unwrap();
        assert_eq!(response, ExportTraceServiceResponse::default());
        assert_eq!(answers[2].json(), serde_json::json!({ "partialSuccess": {} }));
        for trace in number..number + 4 {
            assert_eq!(stored(server.url(), trace), spans(trace), "trace {trace}");
        }
    }
}

#[test]
fn our_json_reader_agrees_with_protobuf() {
    let request = request("shop", vec![span(1, 1, 0, "root"), span(1, 2, 1, "child")]);
    let from_json = decode_json_request(&serde_json::to_vec(&request).unwrap()).unwrap();
    assert_eq!(from_json, decode_request(&request.encode_to_vec()).unwrap());
    assert_eq!(from_json.len(), 2);
}

#[test]
fn the_list_says_what_came() {
    let server = start();
    let url = format!("{}/v1/traces", server.url());
    post(
        &url,
        &[PROTOBUF],
        &protobuf("gateway", vec![span(1, 1, 0, "GET /"), span(2, 9, 0, "GET /b?c&d=é")]),
    );
    let mut fine = span(1, 2, 1, "query");
    fine.status = None;
    fine.end_time_unix_nano += 1_000_000_000;
    post(&url, &[PROTOBUF], &protobuf("db", vec![fine]));
    let client = QueryClient::new(server.url()).unwrap();
    let all = client.traces(&TraceQuery::default()).unwrap();
    assert_eq!(
        all.iter().map(|trace| trace.root_name.as_str()).collect::<Vec<_>>(),
        ["GET /", "GET /b?c&d=é"]
    );
    assert_eq!(all[0].services, ["db", "gateway"]);
    assert_eq!((all[0].spans, all[0].errors, all[0].duration_nanos), (2, 1, 1_500_000_000));
    let mut query = TraceQuery::default();
    query.name = Some("?c&d=é".to_owned());
    assert_eq!(client.traces(&query).unwrap().len(), 1);
    query.service = Some("db".to_owned());
    assert_eq!(client.traces(&query).unwrap(), []);
    assert_eq!(client.trace(TraceId::from_int(1)).unwrap().unwrap().len(), 2);
    assert_eq!(client.trace(TraceId::from_int(3)).unwrap(), None);
    let raw = get(&format!("{}/api/traces?limit=1", server.url())).json();
    assert_eq!(raw["traces"].as_array().unwrap().len(), 1);
    assert_eq!(raw["traces"][0]["start_unix_nanos"], "1700000000000000001");
}

#[test]
fn spans_without_identifiers_are_named_in_a_partial_success() {
    let server = start();
    let url = format!("{}/v1/traces", server.url());
    let mut short = span(1, 3, 0, "short");
    short.trace_id.pop();
    let spans = request("shop", vec![span(0, 1, 0, "a"), span(1, 0, 0, "b"), short, span(1, 4, 0, "kept")]);
    let answer = post(&url, &[PROTOBUF], &spans.encode_to_vec());
    assert_eq!(answer.status, 200);
    let partial = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 3);
    assert!(partial.error_message.contains("trace_id"), "{}", partial.error_message);

    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"no ids"},{"traceId":"","spanId":"0000000000000001"}]}]}]}"#;
    let answer = post(&url, &[JSON], json).json();
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "2");
    assert_eq!(server.health().spans, 1);
}

#[test]
fn what_opentelemetry_does_not_know_yet_survives() {
    let server = start();
    let mut message = span(1, 1, 0, "root").encode_to_vec();
    message.extend_from_slice(&[0xfa, 0x3e, 3, b'n', b'e', b'w']); // field 1007
    let wrap = |key: u8, inner: &[u8]| {
        let mut out = vec![key];
        prost::encoding::encode_varint(inner.len() as u64, &mut out);
        out.extend_from_slice(inner);
        out
    };
    let request = wrap(0x0a, &wrap(0x12, &wrap(0x12, &message)));
    assert_eq!(post(&format!("{}/v1/traces", server.url()), &[PROTOBUF], &request).status, 200);
    assert_eq!(stored(server.url(), 1).resource_spans[0].scope_spans[0].spans[0].name, "root");
}

#[test]
fn a_thousand_requests_at_once_all_count() {
    let server = start();
    let url = format!("{}/v1/traces", server.url());
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let url = &url;
            scope.spawn(move || {
                let agent = agent();
                for i in 0..125u64 {
                    let body = protobuf(
                        "s",
                        vec![span(u128::from(thread * 1000 + i % 10 + 1), thread * 1000 + i + 1, 0, "s")],
                    );
                    let answer = agent.post(url).header(PROTOBUF.0, PROTOBUF.1).send(&body[..]).unwrap();
                    assert_eq!(answer.status().as_u16(), 200);
                }
            });
        }
    });
    let health = server.health();
    assert_eq!((health.spans, health.traces), (1000, 80));
}
