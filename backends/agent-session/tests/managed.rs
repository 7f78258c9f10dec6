//! The backend as delivery uses it: planned, connected inside a runtime, fed, closed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use common::{get, start};
use tracer_factory_agent_session::{
    BACKEND, QueryClient, ServerConfig, TraceQuery, announce, serve_blocking,
};
use tracer_factory_core::config::{Limits, TracerConfig, TracerType};
use tracer_factory_core::delivery::{Batch, Connected, Outcome};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::span::{Resource, SpanData};
use tracer_factory_core::value::Value;

fn config(listen: SocketAddr) -> TracerConfig {
    let mut config = TracerConfig::new(TracerType::AgentSession);
    config.agent_session.listen = listen;
    config
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn batch(trace: u128) -> Batch {
    let resource =
        Resource { attributes: vec![("service.name".to_owned(), Value::from("agent".to_owned()))] };
    Batch::from_spans(&[SpanData {
        context: SpanContext::new(TraceId::from_int(trace), SpanId::from_int(1), TraceFlags::SAMPLED),
        name: "session".to_owned(),
        resource: Arc::new(resource),
        ..SpanData::default()
    }])
}

/// As the delivery thread does it: one runtime, on which everything happens.
fn in_delivery<R>(work: impl AsyncFnOnce() -> R) -> R {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work())
}

fn connect(config: &TracerConfig) -> Connected {
    ((BACKEND.plan)(config).unwrap().connect)().unwrap()
}

#[test]
fn nothing_limits_a_span_but_its_bytes() {
    let mut limits = Limits::default();
    (BACKEND.limits)(&mut limits);
    assert_eq!((limits.attributes, limits.events, limits.links), (u32::MAX, u32::MAX, u32::MAX));
    assert_eq!(limits.span_bytes, Limits::default().span_bytes);
}

#[test]
fn a_plan_opens_nothing() {
    let listen = free_port();
    let plan = (BACKEND.plan)(&config(listen)).unwrap();
    assert_eq!((plan.backend, plan.endpoint), ("agent-session", format!("http://{listen}")));
    TcpListener::bind(listen).unwrap();
}

#[test]
fn the_server_lives_in_the_process_as_long_as_anyone_uses_it() {
    let config = config(free_port());
    let url = in_delivery(async || {
        let mut first = connect(&config);
        let url = first.endpoint.clone().unwrap();
        let notice = first.notice.clone().unwrap();
        for part in [url.as_str(), "in this process", "AGENTOPS_MANAGED=false", "TRACER_TYPE=noop"] {
            assert!(notice.contains(part), "{notice}");
        }
        let mut second = connect(&config);
        assert_eq!(second.endpoint.as_ref(), Some(&url), "one server for all tracers of a process");
        assert_eq!(first.destination.deliver(&batch(1)).await, Outcome::all());
        first.destination.close().await;
        drop(first);
        assert_eq!(second.destination.deliver(&batch(2)).await, Outcome::all());
        let traces = QueryClient::new(&url).unwrap().traces(&TraceQuery::default()).unwrap();
        assert_eq!(traces.iter().map(|trace| trace.services[0].as_str()).collect::<Vec<_>>(), ["agent"; 2]);
        second.destination.close().await;
        url
    });
    assert!(QueryClient::new(&url).unwrap().health().is_err(), "the last one took the server with it");
    // And again, on the same port, also without a close.
    in_delivery(async || {
        let again = connect(&config);
        assert_eq!(again.endpoint.as_ref(), Some(&url));
        drop(again);
    });
    TcpListener::bind(config.agent_session.listen).unwrap();
}

#[test]
fn another_workers_server_is_joined_and_replaced_when_it_ends() {
    let other = start();
    let config = config(other.addr());
    in_delivery(async || {
        let mut joined = connect(&config);
        assert_eq!(joined.endpoint.as_deref(), Some(other.url()));
        assert!(joined.notice.as_ref().unwrap().contains("joined"));
        assert_eq!(joined.destination.deliver(&batch(1)).await, Outcome::all());
        assert_eq!(other.health().spans, 1);
        let url = other.url().to_owned();
        other.stop();
        // The first attempt meets nobody and starts a server, the next one reaches it.
        assert!(matches!(joined.destination.deliver(&batch(2)).await, Outcome::Retry { .. }));
        assert_eq!(joined.destination.deliver(&batch(2)).await, Outcome::all());
        assert_eq!(QueryClient::new(&url).unwrap().health().unwrap().spans, 1);
        joined.destination.close().await;
        assert!(QueryClient::new(&url).unwrap().health().is_err());
    });
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    // It accepts, and says nothing.
    let config = config(addr);
    in_delivery(async || {
        let mut connected = connect(&config);
        let notice = connected.notice.take().unwrap();
        assert!(notice.contains(&format!("something else has {addr}")), "{notice}");
        assert_eq!(connected.destination.deliver(&batch(1)).await, Outcome::all());
        connected.destination.close().await;
    });
}

#[test]
fn an_unmanaged_server_is_only_sent_to() {
    let server = start();
    for url in [server.url().to_owned(), format!("{}/v1/traces", server.url())] {
        let mut config = TracerConfig::new(TracerType::AgentSession);
        config.agent_session.managed = false;
        config.agent_session.endpoint = Some(url);
        config.agent_session.api_key = Some("canary".to_owned().into());
        let plan = (BACKEND.plan)(&config).unwrap();
        assert_eq!(plan.endpoint, format!("{}/v1/traces", server.url()));
        in_delivery(async || {
            let mut connected = (plan.connect)().unwrap();
            assert_eq!(connected.notice, None);
            assert_eq!(connected.destination.deliver(&batch(1)).await, Outcome::all());
            connected.destination.close().await;
        });
    }
    assert_eq!(get(&format!("{}/healthz", server.url())).status, 200, "it outlives its clients");
    let mut default = TracerConfig::new(TracerType::AgentSession);
    default.agent_session.managed = false;
    assert_eq!((BACKEND.plan)(&default).unwrap().endpoint, "http://127.0.0.1:4319/v1/traces");
}

/// Passes for one of our servers and keeps the heads of all requests, in lower case.
fn impersonate() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let real = start();
    let health = get(&format!("{}/healthz", real.url())).text().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let kept = Arc::<Mutex<Vec<String>>>::default();
    let keep = Arc::clone(&kept);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let lines = reader.by_ref().lines().map(|line| line.unwrap().to_lowercase());
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.parse().unwrap());
            reader.read_exact(&mut vec![0; length]).unwrap();
            let (kind, body) = match head[0].starts_with("get /healthz ") {
                true => ("application/json", health.as_str()),
                false => ("application/x-protobuf", ""),
            };
            keep.lock().unwrap().push(head.join("\n"));
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            reader.into_inner().write_all(answer.as_bytes()).unwrap();
        }
    });
    (addr, kept)
}

#[test]
fn only_a_server_that_was_named_gets_the_key() {
    for managed in [true, false] {
        let (addr, kept) = impersonate();
        let mut config = config(addr);
        config.agent_session.managed = managed;
        config.agent_session.endpoint = Some(format!("http://{addr}"));
        config.agent_session.api_key = Some("canary".to_owned().into());
        in_delivery(async || {
            let mut connected = connect(&config);
            assert_eq!(connected.destination.deliver(&batch(1)).await, Outcome::all());
            connected.destination.close().await;
        });
        let kept = kept.lock().unwrap();
        assert!(kept.iter().any(|head| head.starts_with("post /v1/traces ")), "{kept:?}");
        let sent = kept.iter().any(|head| head.contains("authorization: bearer canary"));
        assert_eq!(sent, !managed, "{kept:?}");
    }
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let error = (BACKEND.plan)(&config("0.0.0.0:4319".parse().unwrap())).unwrap_err().to_string();
    assert!(error.contains("TRACER_SERVER_LISTEN") && error.contains("loopback"), "{error}");
    let mut unmanaged = TracerConfig::new(TracerType::AgentSession);
    unmanaged.agent_session.managed = false;
    unmanaged.agent_session.endpoint = Some("not a url".to_owned());
    let error = (BACKEND.plan)(&unmanaged).unwrap_err().to_string();
    assert!(error.contains("AGENTOPS_EXPORTER_ENDPOINT"), "{error}");
    let mut secret = unmanaged;
    secret.agent_session.endpoint = None;
    secret.agent_session.api_key = Some("canary\n".to_owned().into());
    let error = (BACKEND.plan)(&secret).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
}

/// Not a test of its own: the body of the process that the next test starts.
#[test]
#[ignore = "runs only as a process that another test starts"]
fn server_process() {
    let Ok(arguments) = std::env::var("SERVE_ARGUMENTS") else { return };
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let after = |name: &str| arguments[arguments.iter().position(|argument| *argument == name).unwrap() + 1];
    assert_eq!(arguments[0], "serve");
    // Should the other test fail half-way, nobody else would end this.
    std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_secs(60));
        std::process::exit(1);
    });
    let mut config = ServerConfig::new(after("--listen").parse().unwrap());
    config.max_bytes = after("--max-bytes").parse().unwrap();
    let ready_file = after("--ready-file").to_owned();
    serve_blocking(config, |ready| announce(ready_file.as_ref(), &ready.url).unwrap()).unwrap();
}

#[cfg(unix)]
mod process {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// A script in a folder of its own.
    fn script(name: &str, text: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("agent-session-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("server");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn config_with(bin: PathBuf) -> TracerConfig {
        let mut config = config(free_port());
        config.agent_session.daemon = false;
        config.agent_session.server_bin = Some(bin);
        config
    }

    #[test]
    fn a_process_of_its_own_outlives_the_worker_and_is_joined_by_the_next() {
        let this = std::env::current_exe().unwrap();
        let text =
            format!("SERVE_ARGUMENTS=\"$*\" exec '{}' --exact server_process --ignored", this.display());
        let mut config = config_with(script("good", &text));
        config.agent_session.max_bytes = 12_345_678;
        let url = in_delivery(async || {
            let mut first = connect(&config);
            assert!(first.notice.as_ref().unwrap().contains("outlives"), "{:?}", first.notice);
            assert_eq!(first.destination.deliver(&batch(1)).await, Outcome::all());
            first.destination.close().await;
            first.endpoint.unwrap()
        });
        let health = QueryClient::new(&url).unwrap().health().unwrap();
        assert_eq!((health.spans, health.max_bytes), (1, 12_345_678));
        assert_ne!(health.pid, std::process::id());
        in_delivery(async || {
            let mut next = connect(&config);
            assert_eq!(next.endpoint.as_ref(), Some(&url));
            assert!(next.notice.as_ref().unwrap().contains("joined"));
            assert_eq!(next.destination.deliver(&batch(2)).await, Outcome::all());
            next.destination.close().await;
        });
        let client = QueryClient::new(&url).unwrap();
        assert_eq!(client.health().unwrap().traces, 2);
        let killed = std::process::Command::new("kill").arg(health.pid.to_string()).status().unwrap();
        assert!(killed.success());
        while client.health().is_ok() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_missing_or_broken_program_is_an_error_that_says_what_to_do() {
        let connect = |bin: PathBuf| {
            let plan = (BACKEND.plan)(&config_with(bin)).unwrap();
            match in_delivery(async || (plan.connect)()).err().unwrap() {
                ConfigError::Setup { backend, what } => {
                    assert_eq!(backend, "agent-session");
                    what
                }
                other => panic!("{other}"),
            }
        };
        let missing = connect("/no/such/tracer-factory".into());
        assert!(missing.contains("/no/such/tracer-factory was not found"), "{missing}");
        assert!(missing.contains("TRACER_SERVER_BIN") && missing.contains("cargo install"), "{missing}");
        let ends = connect(script("ends", "exit 3"));
        assert!(ends.contains("ended before it was ready") && ends.contains("status: 3"), "{ends}");
    }
}
