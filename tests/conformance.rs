//! The conformance suite, on every backend, against receivers on loopback; and what was delivered has arrived.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
// With some backends only, some of this has no use.
#![cfg_attr(
    not(all(feature = "otlp", feature = "jaeger", feature = "zipkin")),
    allow(dead_code, unused_imports)
)]

mod receivers;

use std::sync::LazyLock;

use receivers::{Answer, Protocol, Receiver, unique_service};
use tracer_factory::{Capture, Report, TracerConfig, TracerType, config, create_tracer};
use tracer_factory_conformance::{Capabilities, PATIENCE, Volume, check, conformance_tests, run};

static HTTP: LazyLock<Receiver> = LazyLock::new(|| receivers::http(Answer::Good));
static GRPC: LazyLock<Receiver> = LazyLock::new(receivers::grpc);
static AGENT: LazyLock<Receiver> = LazyLock::new(receivers::udp);

fn config(tracer_types: &[TracerType], change: impl FnOnce(&mut TracerConfig)) -> TracerConfig {
    let mut config = TracerConfig::default();
    config.tracer_types = tracer_types.to_vec();
    config.service_name = unique_service(tracer_types[0].name());
    config.delivery.shutdown_timeout = PATIENCE;
    change(&mut config);
    config
}

/// Runs a check on a new tracer. Returns the service and the last report.
fn conforms(name: &str, config: TracerConfig) -> (String, Report) {
    let service = config.service_name.clone();
    let tracer = create_tracer(config).unwrap();
    (service, run(name, &*tracer, Capabilities::RECORDING))
}

/// What each destination says it delivered is what its receiver has.
fn arrived(name: &str, (service, report): &(String, Report), receivers: &[(&Receiver, Protocol)]) {
    assert_eq!(report.destinations.len(), receivers.len());
    for (destination, (receiver, protocol)) in report.destinations.iter().zip(receivers) {
        let sent = destination.delivered;
        let found = receiver.wait_for(*protocol, service, sent);
        // What a full socket buffer loses over UDP nobody learns.
        let may_lose = destination.endpoint.starts_with("udp") && check(name).volume == Volume::Large;
        assert!(found == sent || may_lose && found < sent, "{found} spans arrived: {report}");
    }
}

#[cfg(feature = "otlp")]
mod otlp {
    use super::*;

    fn http(name: &str, protocol: config::OtlpProtocol) {
        let config = config(&[TracerType::Otlp], |config| {
            config.otlp.endpoint = Some(HTTP.url(""));
            config.otlp.protocol = Some(protocol);
        });
        arrived(name, &conforms(name, config), &[(&HTTP, Protocol::Otlp)]);
    }

    mod grpc {
        use super::*;

        fn verify(name: &str) {
            let config = config(&[TracerType::Otlp], |config| config.otlp.endpoint = Some(GRPC.url("")));
            arrived(name, &conforms(name, config), &[(&GRPC, Protocol::Otlp)]);
        }

        conformance_tests!(run: verify);
    }

    mod http_protobuf {
        use super::*;

        conformance_tests!(run: |name| http(name, config::OtlpProtocol::HttpProtobuf));
    }

    mod http_json {
        use super::*;

        conformance_tests!(run: |name| http(name, config::OtlpProtocol::HttpJson));
    }
}

#[cfg(feature = "jaeger")]
mod jaeger {
    use super::*;

    fn jaeger(name: &str, endpoint: String, receiver: &Receiver, protocol: Protocol) {
        let config = config(&[TracerType::Jaeger], |config| config.jaeger.endpoint = endpoint);
        arrived(name, &conforms(name, config), &[(receiver, protocol)]);
    }

    mod collector {
        use super::*;

        conformance_tests!(run: |name| jaeger(name, HTTP.url("/api/traces"), &HTTP, Protocol::Jaeger));
    }

    mod agent {
        use super::*;

        conformance_tests!(run: |name| jaeger(name, format!("udp://{}", AGENT.address), &AGENT, Protocol::Jaeger));
    }
}

#[cfg(feature = "zipkin")]
mod zipkin {
    use super::*;

    fn verify(name: &str) {
        let config =
            config(&[TracerType::Zipkin], |config| config.zipkin.endpoint = HTTP.url("/api/v2/spans"));
        arrived(name, &conforms(name, config), &[(&HTTP, Protocol::Zipkin)]);
    }

    conformance_tests!(run: verify);
}

#[cfg(all(feature = "jaeger", feature = "zipkin"))]
mod jaeger_and_zipkin {
    use super::*;

    fn verify(name: &str) {
        let config = config(&[TracerType::Jaeger, TracerType::Zipkin], |config| {
            config.jaeger.endpoint = HTTP.url("/api/traces");
            config.zipkin.endpoint = HTTP.url("/api/v2/spans");
        });
        arrived(name, &conforms(name, config), &[(&HTTP, Protocol::Jaeger), (&HTTP, Protocol::Zipkin)]);
    }

    conformance_tests!(run: verify);
}

#[cfg(feature = "sdk")]
mod sdk {
    use super::*;

    mod otlp {
        use super::*;

        fn verify(name: &str) {
            let config = config(&[TracerType::OtlpSdk], |config| {
                config.otlp.endpoint = Some(HTTP.url(""));
                config.otlp.protocol = Some(config::OtlpProtocol::HttpProtobuf);
            });
            arrived(name, &conforms(name, config), &[(&HTTP, Protocol::Otlp)]);
        }

        conformance_tests!(run: verify);
    }

    mod zipkin {
        use super::*;

        fn verify(name: &str) {
            // A receiver of its own, because this exporter sends no service name to tell spans by.
            let receiver = receivers::http(Answer::Good);
            let endpoint = receiver.url("/api/v2/spans");
            let config = config(&[TracerType::ZipkinSdk], |config| config.zipkin.endpoint = endpoint);
            let (_, report) = conforms(name, config);
            arrived(name, &(String::new(), report), &[(&receiver, Protocol::Zipkin)]);
        }

        conformance_tests!(run: verify);
    }
}

#[cfg(feature = "agent-session")]
mod agent_session {
    use std::sync::Arc;

    use tracer_factory::BaseTracer;
    use tracer_factory::agent_session::{QueryClient, TraceQuery};

    use super::*;

    fn managed() -> TracerConfig {
        config(&[TracerType::AgentSession], |config| config.agent_session.listen = ([127, 0, 0, 1], 0).into())
    }

    /// Holds a share of the server that all of these tests send to, so that it outlives each of their tracers.
    static KEEPER: LazyLock<Arc<dyn BaseTracer>> = LazyLock::new(|| create_tracer(managed()).unwrap());

    fn verify(name: &str) {
        let server = KEEPER.report().destinations[0].endpoint.clone();
        let (service, report) = conforms(name, managed());
        assert_eq!(report.destinations[0].endpoint, server, "one server for the process");
        let client = QueryClient::new(&server).unwrap();
        let mut query = TraceQuery::default();
        query.limit = usize::MAX;
        query.service = Some(service.clone());
        let traces = client.traces(&query).unwrap();
        let ours = |id: &str| {
            let spans = client.trace(id.parse().unwrap()).unwrap().unwrap();
            spans.iter().filter(|span| span.resource.service_name() == service).count() as u64
        };
        let found: u64 = traces.iter().map(|trace| ours(&trace.trace_id)).sum();
        assert_eq!(found, report.destinations[0].delivered, "{report}");
    }

    conformance_tests!(run: verify);
}

#[cfg(feature = "console")]
mod console {
    use std::process::{Command, Stdio};

    use tracer_factory::config::ConsoleFormat;

    use super::*;

    const FORMAT: &str = "CONFORMANCE_CONSOLE";

    /// The suite in a process of its own, because what a console prints can be seen only from outside.
    #[test]
    #[ignore = "run by the tests below"]
    fn child() {
        let format = match std::env::var(FORMAT).unwrap().as_str() {
            "json" => ConsoleFormat::Json,
            _ => ConsoleFormat::Tree,
        };
        let mut delivered = 0;
        for check in tracer_factory_conformance::all() {
            let config = config(&[TracerType::Console], |config| {
                config.console.format = format;
                config.console.stderr = true;
            });
            delivered += conforms(check.name, config).1.destinations[0].delivered;
        }
        println!("\ndelivered={delivered}");
    }

    /// What the console printed, and how many spans that was said to be.
    fn run_child(format: &str) -> (String, u64) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "console::child", "--ignored", "--nocapture", "--test-threads=1"]);
        // The suite makes panics whose messages would be among the console's lines; resumed ones print none.
        let output = command.env(FORMAT, format).stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{}", &err[err.len().saturating_sub(4000)..]);
        let delivered =
            out.lines().find_map(|line| line.strip_prefix("delivered=")).unwrap().parse().unwrap();
        (err.into_owned(), delivered)
    }

    #[test]
    fn json_lines_conform() {
        let (printed, delivered) = run_child("json");
        let lines: Vec<serde_json::Value> = printed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect();
        assert_eq!(lines.len() as u64, delivered, "one line a span");
        assert!(lines.iter().all(|line| line["traceId"].as_str().is_some_and(|id| id.len() == 32)));
    }

    #[test]
    fn trees_conform() {
        let (printed, delivered) = run_child("tree");
        assert!(printed.lines().count() as u64 >= delivered, "at least one line a span");
        assert!(!printed.contains(['\0', '\u{1b}']), "no control character reaches the terminal");
    }
}

mod memory {
    use super::*;

    conformance_tests!({
        let config = config(&[TracerType::Console], |_| {});
        (Capture::with_config(&config).unwrap().0, Capabilities::RECORDING)
    });
}

mod noop {
    use super::*;

    conformance_tests!((create_tracer(config(&[TracerType::NoOp], |_| {})).unwrap(), Capabilities::NOOP));
}

#[cfg(feature = "otlp")]
mod sampled_away {
    use super::*;

    conformance_tests!({
        let config = config(&[TracerType::Otlp], |config| {
            config.otlp.endpoint = Some(GRPC.url(""));
            config.sampling_rate = 0.0;
        });
        (create_tracer(config).unwrap(), Capabilities::UNSAMPLED)
    });
}

/// Every format of headers at once: each writes its own, and any of them is read.
mod every_propagator {
    use super::*;

    conformance_tests!({
        let config = config(&[TracerType::Console], |config| {
            config.propagators = tracer_factory::Propagator::parse_list("composite,baggage").unwrap();
        });
        (Capture::with_config(&config).unwrap().0, Capabilities::RECORDING)
    });
}
