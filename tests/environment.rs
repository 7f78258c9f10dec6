//! Workers that are told by their environment alone. Each is a process of its own: this program again, with that
//! environment and nothing else.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![cfg(all(
    feature = "agent-session",
    feature = "console",
    feature = "jaeger",
    feature = "otlp",
    feature = "sdk",
    feature = "zipkin"
))]

mod receivers;

use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};

use receivers::{Answer, Protocol, Receiver, unique_service};
use tracer_factory::{
    SpanOptions, TracerConfig, TracerExt, TracerFactory, TracerType, current_tracer, env, get_tracer_from_env,
};

static HTTP: LazyLock<Receiver> = LazyLock::new(|| receivers::http(Answer::Good));

/// Which of the children below runs.
const SCENARIO: &str = "TEST_SCENARIO";
/// In every secret, and nowhere else.
const CANARY: &str = "canary7d1f";

/// What a child printed.
struct Output {
    out: String,
    err: String,
}

impl Output {
    /// The value of a line `@name=value`.
    #[track_caller]
    fn get(&self, name: &str) -> &str {
        let start = format!("@{name}=");
        let found = self.out.lines().find_map(|line| line.strip_prefix(&start));
        found.unwrap_or_else(|| panic!("no {name}: {}\n{}", self.out, self.err))
    }

    /// The lines of the log that announce a tracer.
    fn announcements(&self) -> Vec<&str> {
        let announces =
            |line: &&str| line.contains("traces are recorded") || line.contains("are not recorded");
        self.err.lines().filter(announces).collect()
    }
}

#[track_caller]
fn run(scenario: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).stdin(Stdio::null());
    command.env_clear().env(SCENARIO, scenario).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let output_ = Output { out: text(output.stdout), err: text(output.stderr) };
    assert!(output.status.success(), "{}\n{}", output_.out, output_.err);
    assert!(
        !output_.out.contains(CANARY) && !output_.err.contains(CANARY),
        "a secret: {}{}",
        output_.out,
        output_.err
    );
    output_
}

fn say(name: &str, value: impl std::fmt::Display) {
    println!("\n@{name}={}", value.to_string().replace('\n', "\\n"));
}

/// What the child processes do.
#[test]
#[ignore = "run by the tests below, in processes of their own"]
fn child() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .init();
    match std::env::var(SCENARIO).unwrap().as_str() {
        "worker" => worker(),
        "same" => same_tracer(),
        "show" => show_everything(),
        "homeless" => homeless(),
        other => panic!("no scenario {other}"),
    }
}

/// The README's ten lines.
fn worker() {
    let tracer = match get_tracer_from_env() {
        Ok(tracer) => tracer,
        Err(error) => return say("error", error),
    };
    say("describe", tracer.describe());
    tracer.init_worker(0).unwrap();
    let scope = tracer.trace_context("my_operation");
    scope.set_attribute("user_id", 12345);
    tracer.add_span_event("half_way", &[("items", 100.into())]);
    say("trace_id", scope.trace_id());
    drop(scope);
    say("headers", format!("{:?}", tracer.generate_trace_context()));
    say("last_trace", tracer.get_last_trace().len());
    let report = tracer.teardown_worker(0);
    say("complete", report.is_complete() && report.adds_up());
    say("accepted", report.accepted);
}

fn same_tracer() {
    let first = get_tracer_from_env().unwrap();
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                assert!(Arc::ptr_eq(&first, &get_tracer_from_env().unwrap()), "the same everywhere")
            });
        }
    });
    assert!(Arc::ptr_eq(&first, &current_tracer()), "and it is the current one");
    say("first", first.describe());
    first.teardown();
    let second = get_tracer_from_env().unwrap();
    assert!(!Arc::ptr_eq(&first, &second), "a new one after teardown");
    assert!(Arc::ptr_eq(&second, &get_tracer_from_env().unwrap()), "the same again");
    assert!(second.init().is_ok());
    say("current_follows", Arc::ptr_eq(&second, &current_tracer()));
    drop((first, second));
    let third = get_tracer_from_env().unwrap();
    assert!(third.init().is_ok(), "a new one after the last handle");
}

/// Everything that can be printed, printed.
fn show_everything() {
    match TracerConfig::from_env() {
        Ok(config) => say("config", format!("{config:?}")),
        Err(error) => say("config_error", format!("{error} {error:?}")),
    }
    let map = env::environment();
    say("map", format!("{map:?}"));
    if let Ok(resolved) = TracerFactory::resolve(&map) {
        say("resolved", format!("{resolved:?}"));
    }
    match get_tracer_from_env() {
        Err(error) => say("error", format!("{error} {error:?}")),
        Ok(tracer) => {
            say("describe", tracer.describe());
            drop(tracer.trace_context("work"));
            let report = tracer.teardown();
            say("report", format!("{report} {report:?} {:?}", tracer.health()));
        }
    }
}

/// What becomes of spans when the process is killed.
fn homeless() {
    let tracer = get_tracer_from_env().unwrap();
    say("exposed", format!("{:?}", tracer.health().exposed));
}

#[test]
fn a_user_without_a_home_is_told_what_to_set_unless_it_is_meant() {
    const TOLD: &str = "finished spans don't survive the process";
    let endpoint = ("OTLP_ENDPOINT", "http://127.0.0.1:9");
    let output = run("homeless", &[("TRACER_TYPE", "otlp"), endpoint]);
    let lines: Vec<_> = output.err.lines().filter(|line| line.contains(TOLD)).collect();
    assert_eq!(lines.len(), 1, "{}", output.err);
    assert!(["WARN", "HOME", "TRACER_SPOOL_DIR"].iter().all(|word| lines[0].contains(word)), "{}", lines[0]);
    assert!(output.get("exposed").contains(TOLD), "{}", output.out);
    for variable in [("TRACER_SPOOL_DIR", "off"), ("TRACER_TYPE", "console")] {
        let output = run("homeless", &[("TRACER_TYPE", "otlp"), endpoint, variable]);
        assert!(!output.err.contains(TOLD), "{}", output.err);
        assert_eq!(output.get("exposed"), "None");
    }
}

/// The variables of a worker whose destinations are all here.
fn here(service: &str) -> Vec<(&'static str, String)> {
    vec![
        ("TRACER_SERVICE_NAME", service.to_owned()),
        ("OTLP_ENDPOINT", HTTP.url("")),
        ("OTLP_PROTOCOL", "http/protobuf".to_owned()),
        ("JAEGER_ENDPOINT", HTTP.url("/api/traces")),
        ("ZIPKIN_ENDPOINT", HTTP.url("/api/v2/spans")),
        ("TRACER_SERVER_LISTEN", "127.0.0.1:0".to_owned()),
        ("TRACER_SHUTDOWN_TIMEOUT", "60s".to_owned()),
        // There is no home.
        ("TRACER_SPOOL_DIR", "off".to_owned()),
    ]
}

#[track_caller]
fn worker_with(service: &str, variables: &[(&str, &str)]) -> Output {
    let here = here(service);
    let mut all: Vec<_> = here.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.extend_from_slice(variables);
    run("worker", &all)
}

/// Where a type's spans must have arrived.
fn arrives_by(backend: &str) -> Option<Protocol> {
    match backend {
        "otlp" | "otlp-sdk" => Some(Protocol::Otlp),
        "jaeger" => Some(Protocol::Jaeger),
        "zipkin" => Some(Protocol::Zipkin),
        _ => None,
    }
}

/// Checks that a worker with these variables sends its span to exactly these backends.
#[track_caller]
fn goes_to(variables: &[(&str, &str)], backends: &[&str]) {
    let service = unique_service("environment");
    let output = worker_with(&service, variables);
    let described: Vec<_> =
        output.get("describe").split(", ").map(|one| one.split(' ').next().unwrap()).collect();
    assert_eq!(described, backends, "{variables:?}");
    let recorded = backends != ["noop"];
    assert_eq!(output.get("complete"), "true");
    assert_eq!(output.get("accepted"), if recorded { "1" } else { "0" }, "{variables:?}");
    assert_eq!(output.get("trace_id") != "0".repeat(32), recorded, "{variables:?}");
    assert!(output.get("headers").contains("traceparent"), "context is passed on whatever the type");
    for protocol in [Protocol::Otlp, Protocol::Jaeger, Protocol::Zipkin] {
        let expected = backends.iter().filter(|backend| arrives_by(backend) == Some(protocol)).count() as u64;
        assert_eq!(HTTP.spans(protocol, &service), expected, "{variables:?}: {protocol:?}");
    }
    assert_eq!(output.announcements().len(), 1, "{}", output.err);
}

#[test]
fn every_name_of_every_type() {
    for (tracer_type, names) in TracerType::NAMES {
        for name in *names {
            goes_to(&[("TRACER_TYPE", name)], &[tracer_type.name()]);
        }
    }
    goes_to(&[("TRACER_TYPE", " Jaeger ")], &["jaeger"]);
}

#[test]
fn without_a_type_it_is_agent_sessions() {
    goes_to(&[], &["agent-session"]);
    goes_to(&[("TRACER_TYPE", "")], &["agent-session"]);
}

#[test]
fn several_types_receive_the_same_spans() {
    goes_to(&[("TRACER_TYPE", "jaeger,zipkin")], &["jaeger", "zipkin"]);
    goes_to(&[("TRACER_TYPE", "zipkin, otlp,zipkin")], &["zipkin", "otlp"]);
}

#[test]
fn opentelemetry_exports_to_what_the_exporter_says() {
    goes_to(&[("TRACER_TYPE", "opentelemetry"), ("TRACER_EXPORTER", "jaeger")], &["jaeger"]);
    goes_to(&[("TRACER_TYPE", "opentelemetry"), ("TRACER_EXPORTER", "zipkin,otlp")], &["zipkin", "otlp"]);
    goes_to(&[("TRACER_TYPE", "opentelemetry"), ("OTEL_TRACES_EXPORTER", "zipkin")], &["zipkin"]);
    goes_to(
        &[("TRACER_TYPE", "opentelemetry"), ("TRACER_EXPORTER", "otlp"), ("OTEL_TRACES_EXPORTER", "zipkin")],
        &["otlp"],
    );
    goes_to(&[("TRACER_TYPE", "opentelemetry"), ("OTEL_TRACES_EXPORTER", "none")], &["noop"]);
}

#[test]
fn opentelemetry_s_own_variables_stand_in() {
    goes_to(&[("OTEL_TRACES_EXPORTER", "zipkin")], &["zipkin"]);
    goes_to(&[("OTEL_TRACES_EXPORTER", "none")], &["noop"]);
    goes_to(&[("TRACER_TYPE", "jaeger"), ("OTEL_TRACES_EXPORTER", "zipkin")], &["jaeger"]);
    goes_to(&[("TRACER_TYPE", "jaeger"), ("OTEL_SDK_DISABLED", "true")], &["noop"]);
    goes_to(&[("TRACER_TYPE", "jaeger"), ("OTEL_SDK_DISABLED", "TRUE")], &["noop"]);
    goes_to(&[("TRACER_TYPE", "jaeger"), ("OTEL_SDK_DISABLED", "1")], &["jaeger"]);
    let service = unique_service("otel");
    let output = worker_with(
        &service,
        &[("TRACER_TYPE", "otlp"), ("TRACER_SERVICE_NAME", ""), ("OTEL_SERVICE_NAME", &service)],
    );
    assert_eq!((output.get("accepted"), HTTP.spans(Protocol::Otlp, &service)), ("1", 1));
}

#[test]
fn a_bad_opentelemetry_variable_is_a_warning() {
    let output = worker_with("service", &[("TRACER_TYPE", "otlp"), ("OTEL_TRACES_SAMPLER_ARG", "much")]);
    assert_eq!(output.get("accepted"), "1");
    let warnings: Vec<_> = output.err.lines().filter(|line| line.contains("WARN")).collect();
    assert!(matches!(warnings[..], [one] if one.contains("OTEL_TRACES_SAMPLER_ARG")), "{warnings:?}");
}

/// The error of a worker with these variables.
#[track_caller]
fn refused(variables: &[(&str, &str)]) -> String {
    let output = worker_with("service", variables);
    assert!(output.announcements().is_empty(), "no tracer was made");
    output.get("error").to_owned()
}

#[test]
fn an_unknown_type_names_what_is_allowed() {
    let error = refused(&[("TRACER_TYPE", "jeager")]);
    for part in [
        "TRACER_TYPE",
        "jeager",
        "did you mean jaeger?",
        "agent-session",
        "otlp",
        "zipkin",
        "console",
        "noop",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    for value in ["noop,jaeger", "jaeger;zipkin", ",", "\u{1f980}", &"x".repeat(100_000)] {
        let error = refused(&[("TRACER_TYPE", value)]);
        assert!(error.contains("TRACER_TYPE") && error.len() < 2000, "{error}");
    }
}

#[test]
fn an_unknown_variable_names_its_nearest() {
    let error = refused(&[("TRACER_TYPE", "noop"), ("TRACER_SAMPLE_RATE", "0.5")]);
    assert!(error.contains("TRACER_SAMPLE_RATE") && error.contains("TRACER_SAMPLING_RATE"), "{error}");
    let error = refused(&[("TRACER_TPYE", "jaeger")]);
    assert!(error.contains("TRACER_TPYE") && error.contains("TRACER_TYPE?"), "{error}");
    let error = refused(&[("TRACER_SOMETHING_ELSE_ENTIRELY", "1")]);
    assert!(error.contains("TRACER_SOMETHING_ELSE_ENTIRELY") && !error.contains("did you mean"), "{error}");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let error = refused(&[
        ("TRACER_TYPE", "otlp"),
        ("TRACER_SAMPLING_RATE", "2"),
        ("OTLP_PROTOCOL", "carrier-pigeon"),
        ("JAEGER_ENDPOINT", "not a url"),
        ("TRACER_SHUTDOWN_TIMEOUT", "soon"),
        ("TRACER_NONSENSE", "1"),
    ]);
    for name in [
        "TRACER_SAMPLING_RATE",
        "OTLP_PROTOCOL",
        "JAEGER_ENDPOINT",
        "TRACER_SHUTDOWN_TIMEOUT",
        "TRACER_NONSENSE",
    ] {
        assert!(error.contains(name), "{name}: {error}");
    }
    assert!(error.contains("carrier-pigeon") && error.contains("http/protobuf"), "{error}");
}

#[test]
fn kubernetes_service_links_are_not_ours() {
    goes_to(
        &[
            ("TRACER_TYPE", "zipkin"),
            ("TRACER_PORT", "tcp://10.0.0.1:80"),
            ("TRACER_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("TRACER_PORT_80_TCP_PROTO", "tcp"),
            ("TRACER_PORT_80_TCP_PORT", "80"),
            ("TRACER_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("TRACER_SERVICE_HOST", "10.0.0.1"),
            ("TRACER_SERVICE_PORT", "80"),
            ("TRACER_SERVICE_PORT_HTTP", "80"),
            ("TRACER_SERVER_PORT_4319_TCP", "tcp://10.0.0.1:4319"),
            ("JAEGER_AGENT_PORT_6831_UDP", "udp://10.0.0.1:6831"),
        ],
        &["zipkin"],
    );
}

#[test]
fn secrets_appear_nowhere() {
    let bearer = format!("authorization=Bearer {CANARY},x-api-key={CANARY}");
    let (url, key) =
        (format!("http://me:{CANARY}@{}/v1/traces?token={CANARY}", HTTP.address), format!("{CANARY}-key"));
    let good: [&[(&str, &str)]; 5] = [
        &[("TRACER_TYPE", "otlp"), ("OTLP_ENDPOINT", &HTTP.url("/v1/traces")), ("OTLP_HEADERS", &bearer)],
        &[("TRACER_TYPE", "otlp-sdk"), ("OTLP_ENDPOINT", &HTTP.url("/v1/traces")), ("OTLP_HEADERS", &bearer)],
        &[
            ("TRACER_TYPE", "otlp"),
            ("OTLP_ENDPOINT", &HTTP.url("/v1/traces")),
            ("OTEL_EXPORTER_OTLP_HEADERS", &bearer),
        ],
        &[("TRACER_TYPE", "agentops"), ("TRACER_SERVER_LISTEN", "127.0.0.1:0"), ("AGENTOPS_API_KEY", &key)],
        &[
            ("TRACER_TYPE", "agentops"),
            ("AGENTOPS_MANAGED", "false"),
            ("AGENTOPS_EXPORTER_ENDPOINT", &HTTP.url("/v1/traces")),
            ("AGENTOPS_API_KEY", &key),
        ],
    ];
    for variables in good {
        assert!(run("show", variables).get("report").contains("1 delivered"), "{variables:?}");
    }
    // A URL with credentials may be taken or refused.
    for (tracer_type, variable) in [
        ("otlp", "OTLP_ENDPOINT"),
        ("jaeger", "JAEGER_ENDPOINT"),
        ("zipkin", "ZIPKIN_ENDPOINT"),
        ("otlp-sdk", "OTLP_ENDPOINT"),
        ("zipkin-sdk", "ZIPKIN_ENDPOINT"),
        ("agentops", "AGENTOPS_EXPORTER_ENDPOINT"),
    ] {
        run(
            "show",
            &[
                ("TRACER_TYPE", tracer_type),
                (variable, &url),
                ("AGENTOPS_MANAGED", "false"),
                ("TRACER_SHUTDOWN_TIMEOUT", "100ms"),
            ],
        );
    }
    let control = format!("{CANARY}\u{1}");
    let no_pair = format!("{CANARY} {CANARY}");
    let no_url = format!("http://me:{CANARY}@:99999999/?{CANARY}");
    for (name, value) in [
        ("OTLP_HEADERS", &no_pair),
        ("OTLP_HEADERS", &control),
        ("AGENTOPS_API_KEY", &control),
        ("OTLP_ENDPOINT", &no_url),
        ("JAEGER_ENDPOINT", &no_url),
        ("ZIPKIN_ENDPOINT", &no_url),
    ] {
        let output = run("show", &[("TRACER_TYPE", "noop"), (name, value)]);
        assert!(output.get("error").contains(name), "{name} is named: {}", output.get("error"));
    }
}

#[test]
fn the_same_tracer_until_it_is_torn_down() {
    let service = unique_service("same");
    let here = here(&service);
    for tracer_type in ["otlp", "jaeger,zipkin"] {
        let mut variables: Vec<_> = here.iter().map(|(name, value)| (*name, value.as_str())).collect();
        variables.push(("TRACER_TYPE", tracer_type));
        let output = run("same", &variables);
        assert_eq!(output.announcements().len(), 3, "one line for each tracer: {}", output.err);
        assert_eq!(
            output.get("current_follows"),
            "true",
            "what is current is not the one that was torn down"
        );
    }
}

#[test]
fn the_start_is_one_line_that_says_everything() {
    let variables = [
        ("TRACER_TYPE", "zipkin"),
        ("TRACER_SAMPLING_RATE", "0.25"),
        ("TRACER_PROPAGATOR", "b3,tracecontext"),
    ];
    let output = worker_with("shown-service", &variables);
    let lines = output.announcements();
    let [line] = lines[..] else { panic!("{lines:?}") };
    for part in ["INFO", "zipkin", &HTTP.url("/api/v2/spans"), "shown-service", "0.25", "b3,tracecontext"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let output = worker_with("shown-service", &[("TRACER_TYPE", "agentops")]);
    let lines = output.announcements();
    let [line] = lines[..] else { panic!("{lines:?}") };
    assert!(line.contains("http://127.0.0.1:") && line.contains("AGENTOPS_MANAGED=false"), "{line}");
    // At the usual levels that line is all there is of a worker whose spans arrive.
    let said: Vec<_> = output
        .err
        .lines()
        .filter(|line| ["INFO", "WARN", "ERROR"].iter().any(|level| line.contains(level)))
        .collect();
    assert_eq!(said, lines);
}

#[test]
fn a_sampling_rate_of_nothing_records_nothing() {
    let output = worker_with("service", &[("TRACER_TYPE", "otlp"), ("TRACER_SAMPLING_RATE", "0")]);
    assert_eq!((output.get("accepted"), output.get("last_trace")), ("0", "0"));
    assert_ne!(output.get("trace_id"), "0".repeat(32), "there is a trace, and it is not recorded");
}

#[test]
fn the_readme_s_table_is_the_one_that_is_parsed() {
    let readme = include_str!("../README.md");
    let (begin, end) = ("<!-- variables -->", "<!-- /variables -->");
    let table =
        readme.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(table, _)| table.trim());
    assert_eq!(
        table,
        Some(env::readme_table().trim()),
        "put the new table between {begin} and {end} in README.md"
    );
}

/// Code that finds its tracer without being handed one, in a process that has made none.
#[test]
fn without_a_tracer_nothing_is_recorded() {
    let tracer = current_tracer();
    assert_eq!(tracer.describe(), "noop");
    assert!(!tracer.start_scope(&SpanOptions::new("nothing")).is_recording());
}
