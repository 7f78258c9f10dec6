//! What each feature brings into a program, as cargo resolves it: whoever wants one backend pays for one.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::Command;

/// Packages that `tracer-factory` depends on with these features, as `name version`.
fn tree(features: Option<&str>) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args([
        "tree",
        "--offline",
        "--package",
        "tracer-factory",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    command.args(["--format", "{p}"]);
    if let Some(features) = features {
        command.args(["--no-default-features", "--features", features]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let package = |line: &str| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next()?, words.next()?.trim_start_matches('v')))
    };
    text.lines().filter_map(package).collect()
}

fn names(tree: &BTreeSet<String>) -> BTreeSet<&str> {
    tree.iter().filter_map(|package| package.split(' ').next()).collect()
}

/// Checks what these features bring and, above all, what they do not.
#[track_caller]
fn brings(features: &str, with: &[&str], without: &[&str]) {
    let tree = tree(Some(features));
    let names = names(&tree);
    assert!(names.contains("tracer-factory-core"), "{names:?}");
    for name in with {
        assert!(names.contains(name), "{features} needs {name}: {names:?}");
    }
    for name in without {
        assert!(!names.contains(name), "{features} brings {name}, which is not its business: {names:?}");
    }
}

const OPENTELEMETRY: [&str; 4] =
    ["opentelemetry", "opentelemetry_sdk", "opentelemetry-otlp", "opentelemetry-proto"];
const SERVER: [&str; 3] = ["axum", "tower", "matchit"];
const CLIENT: [&str; 4] = ["hyper", "hyper-util", "rustls", "hyper-rustls"];
/// What no feature brings: each is replaced by something smaller, or belongs to tests and programs.
const NEVER: [&str; 9] = [
    "clap",
    "reqwest",
    "tonic",
    "openssl",
    "openssl-sys",
    "native-tls",
    "aws-lc-rs",
    "proptest",
    "tracing-subscriber",
];

fn all(lists: &[&[&'static str]]) -> Vec<&'static str> {
    lists.concat()
}

#[test]
fn noop_is_nearly_nothing() {
    let heavy = all(&[&OPENTELEMETRY, &SERVER, &CLIENT, &NEVER, &["prost", "http"]]);
    brings("noop", &["tracer-factory-noop"], &heavy);
    brings("", &["tracer-factory-noop"], &heavy);
}

#[test]
fn each_backend_brings_itself_and_no_other() {
    const BACKENDS: [&str; 5] = ["otlp", "jaeger", "zipkin", "console", "agent-session"];
    for feature in BACKENDS {
        let others: Vec<_> = BACKENDS.iter().filter(|other| **other != feature).collect();
        let others: Vec<_> = others.into_iter().map(|other| format!("tracer-factory-{other}")).collect();
        let others: Vec<_> = others.iter().map(String::as_str).chain(["tracer-factory-sdk"]).collect();
        brings(feature, &[&format!("tracer-factory-{feature}")], &others);
    }
}

#[test]
fn a_client_brings_no_server_and_no_sdk() {
    for feature in ["otlp", "jaeger", "zipkin"] {
        brings(feature, &CLIENT, &all(&[&OPENTELEMETRY, &SERVER, &NEVER, &["prost"]]));
    }
}

#[test]
fn the_console_brings_no_network() {
    brings(
        "console",
        &["tracer-factory-console"],
        &all(&[&OPENTELEMETRY, &SERVER, &CLIENT, &NEVER, &["prost", "http"]]),
    );
}

#[test]
fn the_embedded_server_is_a_server_without_the_sdk() {
    brings("agent-session", &["axum"], &all(&[&OPENTELEMETRY, &NEVER, &["prost"]]));
}

#[test]
fn guests_need_the_api_and_not_the_sdk() {
    let sdk = ["opentelemetry_sdk", "opentelemetry-otlp", "opentelemetry-proto", "prost"];
    brings("opentelemetry", &["opentelemetry"], &all(&[&sdk, &SERVER, &CLIENT, &NEVER]));
    brings("otlp,opentelemetry", &["opentelemetry"], &all(&[&sdk, &SERVER, &NEVER]));
}

#[test]
fn the_sdk_comes_with_its_own_feature_only() {
    brings("sdk", &["opentelemetry_sdk", "opentelemetry-otlp", "opentelemetry-zipkin"], &["axum", "matchit"]);
}

#[test]
fn the_whole_experience_has_one_opentelemetry() {
    let tree = tree(None);
    for name in ["opentelemetry", "opentelemetry_sdk", "http", "hyper", "rustls", "tokio", "prost"] {
        let versions: Vec<_> =
            tree.iter().filter(|package| package.split(' ').next() == Some(name)).collect();
        assert_eq!(versions.len(), 1, "{versions:?}");
    }
    let names = names(&tree);
    for name in ["clap", "openssl", "openssl-sys", "native-tls", "proptest", "tracing-subscriber"] {
        assert!(!names.contains(name), "{name}");
    }
}
