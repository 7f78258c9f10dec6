//! Both quickstarts print the trace that they sent, whatever the backend.

use std::net::TcpListener;
use std::process::Output;

use tracer_factory::otlp::decode_request;

use crate::program::{example, receive};

const BOTH: [&str; 2] = ["quickstart", "quickstart_async"];

fn run(name: &str, variables: &[(&str, &str)]) -> (String, Output) {
    let output = example(name).envs(variables.iter().copied()).output().unwrap();
    (String::from_utf8(output.stdout.clone()).unwrap(), output)
}

/// The identifier on the last line.
fn trace_id(stdout: &str) -> &str {
    let id = stdout.lines().last().and_then(|line| line.strip_prefix("trace_id="));
    let id = id.unwrap_or_else(|| panic!("no identifier at the end of {stdout:?}"));
    assert!(id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    id
}

#[test]
fn noop_has_no_trace() {
    for name in BOTH {
        let (stdout, output) = run(name, &[("TRACER_TYPE", "noop")]);
        assert!(output.status.success());
        assert_eq!(stdout, format!("trace_id={}\n", "0".repeat(32)), "{name}");
    }
}

#[cfg(feature = "console")]
#[test]
fn console_prints_the_trace_first() {
    for name in BOTH {
        let (stdout, output) = run(name, &[("TRACER_TYPE", "console")]);
        assert!(output.status.success());
        let id = trace_id(&stdout);
        assert!(stdout.starts_with(&format!("trace {id} · 1 span ·")), "{stdout}");
        for words in ["my_operation", "user_id=12345", "half_way", "items=100", "worker.id=0"] {
            assert!(stdout.contains(words), "no {words} in {stdout}");
        }
    }
}

#[cfg(feature = "otlp")]
#[test]
fn otlp_receives_the_trace_that_is_printed() {
    for name in BOTH {
        let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", receiver.local_addr().unwrap());
        let received = std::thread::spawn(move || receive(&receiver));
        let variables =
            [("TRACER_TYPE", "otlp"), ("OTLP_ENDPOINT", &*endpoint), ("OTLP_PROTOCOL", "http/protobuf")];
        let (stdout, output) = run(name, &variables);
        assert!(output.status.success());
        let spans = decode_request(&received.join().unwrap().body).unwrap();
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].trace_id().to_string(), trace_id(&stdout));
        assert_eq!((&*spans[0].name, &*spans[0].events[0].name), ("my_operation", "half_way"));
        let report = String::from_utf8(output.stderr).unwrap();
        assert!(report.contains("1 delivered"), "{report}");
    }
}

#[cfg(feature = "agent-session")]
#[test]
fn the_default_type_needs_nothing_around_it() {
    for name in BOTH {
        let (stdout, output) = run(name, &[("TRACER_SERVER_LISTEN", "127.0.0.1:0")]);
        let report = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && report.contains("1 delivered"), "{report}");
        assert_ne!(trace_id(&stdout), "0".repeat(32));
    }
}

#[test]
fn a_wrong_type_is_an_error_that_names_the_variable() {
    for name in BOTH {
        let (stdout, output) = run(name, &[("TRACER_TYPE", "jeager")]);
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stdout.is_empty());
        assert!(words.contains("TRACER_TYPE") && words.contains("jaeger"), "{words}");
    }
}
