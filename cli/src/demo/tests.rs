//! The services, with tracers that keep their spans in memory: what the happy rounds don't reach.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracer_factory::{Capture, SpanData, SpanKind, StatusCode as Code, TracerConfig};

use super::client::{JsonClient, Reply};
use super::finished::{self, FinishedTraces};
use super::gateway::Gateway;
use super::service::Held;
use super::services::{Services, Tracers};

struct Kept {
    tracers: Tracers,
    captures: [Capture; 3],
}

impl Kept {
    fn new() -> Self {
        let one = |service: &str| {
            Capture::with_config(&TracerConfig::builder().service_name(service).build()).unwrap()
        };
        let [(gateway, a), (user, b), (llm, c)] = ["api-gateway", "user-service", "llm-service"].map(one);
        Self { tracers: Tracers { gateway, user, llm }, captures: [a, b, c] }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.captures.iter().flat_map(Capture::spans).collect()
    }

    fn span(&self, name: &str) -> SpanData {
        self.spans().into_iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"))
    }
}

async fn post(url: &str, body: &Value) -> Reply {
    JsonClient::new().post(url, HeaderMap::new(), body).await.unwrap()
}

fn attribute(span: &SpanData, key: &str) -> String {
    span.attribute(key).unwrap_or_else(|| panic!("no {key} in {span:?}")).to_string()
}

#[tokio::test]
async fn every_span_has_its_metadata() {
    let kept = Kept::new();
    let (services, mut finished) = Services::start(0, &kept.tracers).await.unwrap();
    let query = json!({ "user_id": "user_1", "query": "Explain distributed tracing" });
    let reply = post(&services.gateway.url(), &query).await;
    let response = reply.body["response"].as_str().unwrap().to_owned();

    let gateway = kept.span("handle_query");
    assert_eq!(finished.next().await, Some(gateway.trace_id()));
    assert_eq!(reply.headers["x-trace-id"].to_str().unwrap(), gateway.trace_id().to_string());
    assert_eq!((gateway.kind, gateway.status.code), (SpanKind::Server, Code::Unset));
    let sent = [
        ("handle_query", "service", "api-gateway".to_owned()),
        ("handle_query", "endpoint", "/api/query".to_owned()),
        ("handle_query", "user_id", "user_1".to_owned()),
        ("handle_query", "client_ip", "127.0.0.1".to_owned()),
        ("handle_query", "propagated_headers", r#"["traceparent"]"#.to_owned()),
        ("handle_query", "user_service_status", "200".to_owned()),
        ("handle_query", "response_size", reply.size.to_string()),
        ("process_user_request", "operation", "process_request".to_owned()),
        ("process_user_request", "validation", "passed".to_owned()),
        ("process_user_request", "downstream_status", "200".to_owned()),
        ("validate_user", "is_valid", "true".to_owned()),
        ("generate_response", "prompt_length", "27".to_owned()),
        ("generate_response", "response_length", response.len().to_string()),
        ("openai.chat.completions.create", "gen_ai.request.model", "gpt-3.5-turbo".to_owned()),
        ("openai.chat.completions.create", "gen_ai.provider.name", "local".to_owned()),
        ("openai.chat.completions.create", "gen_ai.usage.input_tokens", "3".to_owned()),
    ];
    for (name, key, value) in sent {
        assert_eq!(attribute(&kept.span(name), key), value, "{name} {key}");
    }
    services.stop().await;
}

#[tokio::test]
async fn an_invalid_user_never_reaches_the_model() {
    let kept = Kept::new();
    let (services, _finished) = Services::start(0, &kept.tracers).await.unwrap();
    let reply = post(&services.gateway.url(), &json!({ "user_id": "guest", "query": "?" })).await;
    assert_eq!((reply.status, reply.body), (StatusCode::OK, json!({ "error": "Invalid user" })));
    assert_eq!(kept.spans().len(), 3);
    assert_eq!(attribute(&kept.span("process_user_request"), "validation"), "failed");
    assert_eq!(attribute(&kept.span("validate_user"), "is_valid"), "false");
    services.stop().await;
}

#[tokio::test]
async fn a_wrong_request_is_refused_and_traced() {
    let kept = Kept::new();
    let (services, _finished) = Services::start(0, &kept.tracers).await.unwrap();
    let addresses = [&services.gateway, &services.user, &services.llm];
    let names = ["handle_query", "process_user_request", "generate_response"];
    for (address, name) in addresses.into_iter().zip(names) {
        for body in [json!([]), json!({}), json!({ "user_id": 7 }), json!("x".repeat(3 << 20))] {
            kept.captures.iter().for_each(Capture::clear);
            let reply = post(&address.url(), &body).await;
            let span = kept.span(name);
            assert!(reply.status.is_client_error(), "{name} {}", reply.status);
            assert!(reply.body["error"].is_string(), "{}", reply.body);
            assert_eq!(attribute(&span, "http.response.status_code"), reply.status.as_u16().to_string());
            assert_eq!((kept.spans().len(), &*span.events[0].name), (1, "request refused"));
            assert_eq!(span.status.code, Code::Unset, "the server did nothing wrong");
        }
    }
    services.stop().await;
}

#[tokio::test]
async fn what_is_no_json_at_all_is_refused() {
    let kept = Kept::new();
    let (services, _finished) = Services::start(0, &kept.tracers).await.unwrap();
    let url = services.gateway.url();
    let address = url.trim_start_matches("http://").trim_end_matches("/api/query");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request =
        "POST /api/query HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{\"user_id";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("the body must be JSON such as"),
        "{answer}"
    );
    assert_eq!(kept.spans().len(), 1);
    services.stop().await;
}

#[tokio::test]
async fn the_callers_trace_goes_on() {
    let kept = Kept::new();
    let (services, _finished) = Services::start(0, &kept.tracers).await.unwrap();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), HeaderValue::from_static(parent))]);
    let query = json!({ "user_id": "user_1", "query": "?" });
    JsonClient::new().post(&services.gateway.url(), headers, &query).await.unwrap();
    let spans = kept.spans();
    assert_eq!(spans.len(), 5);
    assert!(spans.iter().all(|span| span.trace_id().to_string() == "0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(kept.span("handle_query").parent_span_id.unwrap().to_string(), "b7ad6b7169203331");
    services.stop().await;
}

/// A gateway whose user service is at `url`.
async fn gateway_to(url: String, kept: &Kept) -> (String, FinishedTraces, tokio::sync::watch::Sender<()>) {
    let (finished, traces) = finished::channel();
    let tracer = Arc::clone(&kept.tracers.gateway);
    let gateway = Gateway { tracer, client: JsonClient::new(), user_service: url, finished };
    let held = Held::take("api-gateway", 0).await.unwrap();
    let url = format!("http://{}/api/query", held.addr);
    let (stop, stopped) = tokio::sync::watch::channel(());
    held.serve(gateway.router(), stopped);
    (url, traces, stop)
}

#[tokio::test]
async fn a_service_that_is_down_is_a_502_and_an_error() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let kept = Kept::new();
    let (url, mut finished, _stop) = gateway_to(format!("http://{nobody}/process"), &kept).await;
    let reply = post(&url, &json!({ "user_id": "user_1", "query": "?" })).await;
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    let words = reply.body["error"].as_str().unwrap();
    assert!(
        words.starts_with(&format!("user-service: http://{nobody}/process does not answer: ")),
        "{words}"
    );

    let span = kept.span("handle_query");
    assert_eq!(finished.next().await, Some(span.trace_id()));
    assert_eq!((span.status.code, &*span.status.message), (Code::Error, words));
    assert_eq!((&*span.events[0].name, &*attribute(&span, "error.type")), ("exception", "502"));
}

#[tokio::test]
async fn a_downstream_failure_is_passed_on() {
    let kept = Kept::new();
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    // A gateway in the user service's place fails just as one would whose model is down.
    let (failing, _, _stop) = gateway_to(format!("http://{nobody}/"), &kept).await;
    let (url, _, _stop_too) = gateway_to(failing, &kept).await;
    let reply = post(&url, &json!({ "user_id": "user_1", "query": "?" })).await;
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    let spans = kept.spans();
    assert_eq!(spans.iter().filter(|span| span.status.code == Code::Error).count(), 2, "{spans:?}");
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_a_whole_trace() {
    let silent = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let kept = Kept::new();
    let user_service = format!("http://{}/process", silent.local_addr().unwrap());
    let (url, mut finished, _stop) = gateway_to(user_service, &kept).await;
    let address = url.trim_start_matches("http://").trim_end_matches("/api/query");
    let mut caller = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = r#"{"user_id":"user_1","query":"?"}"#;
    let request =
        format!("POST /api/query HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    caller.write_all(request.as_bytes()).await.unwrap();
    // The gateway is now waiting for the user service.
    let waiting = silent.accept().await.unwrap();
    drop(caller);
    let id = finished.next().await.unwrap();
    assert_eq!(kept.span("handle_query").trace_id(), id);
    drop(waiting);
}

#[tokio::test]
async fn a_taken_port_is_stepped_over_and_said() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let (services, _finished) = Services::start(port.min(65533), &Kept::new().tracers).await.unwrap();
    if port <= 65533 {
        assert_eq!(services.gateway.instead_of, Some(port));
        assert_ne!(services.gateway.url(), format!("http://127.0.0.1:{port}/api/query"));
    }
    services.stop().await;
}
