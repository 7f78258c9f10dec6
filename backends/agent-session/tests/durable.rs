//! Traces on disk: through kills, restarts, full disks, damage, and two servers that want the same directory.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::*;
use tracer_factory_agent_session::{QueryClient, Server, ServerError, TraceQuery, announce};
use tracer_factory_core::ids::TraceId;

const DIRECTORY: &str = "DURABLE_DIRECTORY";

/// Not a test of its own: the body of the process that the others start.
#[test]
#[ignore = "runs only as a process that another test starts"]
fn server_process() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let server = Server::start(in_directory(&directory)).unwrap();
    announce(&directory.with_extension("url"), server.url()).unwrap();
    // Until whoever started it is gone.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(directory: &Path) -> Self {
        Self::start_by(directory, Command::new(std::env::current_exe().unwrap()))
    }

    fn start_by(directory: &Path, mut command: Command) -> Self {
        let url = directory.with_extension("url");
        let _ = std::fs::remove_file(&url);
        let child = command
            .args(["--exact", "server_process", "--ignored"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self { child, url: String::new() };
        let deadline = Instant::now() + Duration::from_secs(60);
        while process.url.is_empty() {
            assert!(Instant::now() < deadline && process.child.try_wait().unwrap().is_none());
            process.url = std::fs::read_to_string(&url).unwrap_or_default();
            std::thread::sleep(Duration::from_millis(5));
        }
        process
    }

    /// As `kill -9` does.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request with one trace of ten spans, large enough that many fill something.
fn request_of(trace: u64) -> Vec<u8> {
    let spans = (1..=10).map(|id| {
        let mut span = span(u128::from(trace), id, id - 1, &format!("step {id}"));
        span.attributes.push(pair(
            "text",
            opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue("x".repeat(1_000)),
        ));
        span
    });
    protobuf("durable", spans.collect())
}

fn send(url: &str, trace: u64) -> Result<(), u16> {
    let sent =
        agent().post(format!("{url}/v1/traces")).header(PROTOBUF.0, PROTOBUF.1).send(&request_of(trace)[..]);
    match sent.map(|answer| answer.status().as_u16()) {
        Ok(200) => Ok(()),
        Ok(status) => Err(status),
        Err(_) => Err(0),
    }
}

fn all_there(client: &QueryClient, traces: &[u64]) {
    for trace in traces {
        let spans = client.trace(TraceId::from_int(u128::from(*trace))).unwrap().unwrap_or_default();
        assert_eq!(spans.len(), 10, "trace {trace}");
    }
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    let (next, acknowledged) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    // Short and long enough that traces are in memory only, being saved, and saved when it happens.
    for millis in [50, 700, 3_600] {
        let process = Process::start(&directory);
        let url = &process.url.clone();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let trace = next.fetch_add(1, Ordering::Relaxed);
                        if send(url, trace).is_err() {
                            break;
                        }
                        acknowledged.lock().unwrap().push(trace);
                        // Moments matter here, not amounts.
                        std::thread::sleep(Duration::from_millis(5));
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(millis));
            process.kill();
        });
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    let server = Server::start(in_directory(&directory)).unwrap();
    let client = QueryClient::new(server.url()).unwrap();
    let some: Vec<u64> = acknowledged.iter().copied().filter(|trace| trace % 7 == 0).collect();
    all_there(&client, &some);
    let mut query = TraceQuery::default();
    query.limit = 10_000;
    let listed = client.traces(&query).unwrap();
    let is_listed = |trace: &u64| listed.iter().any(|listed| listed.trace_id == format!("{trace:032x}"));
    assert!(acknowledged.iter().all(is_listed));
    assert!(listed.iter().all(|trace| trace.spans == 10 && trace.root_name == "step 1"));
    let health = client.health().unwrap();
    assert_eq!((health.traces, health.spans), (listed.len(), 10 * listed.len() as u64));
    // What a sender repeats because it heard nothing is there already.
    for trace in 1..next.into_inner() {
        send(server.url(), trace).unwrap();
    }
    all_there(&client, &some);
    assert!(client.traces(&query).unwrap().iter().all(|trace| trace.spans == 10));
}

#[test]
fn a_directory_has_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("a").join("b");
    let first = Server::start(in_directory(&directory)).unwrap();
    assert_eq!(first.health().data, Some(directory.display().to_string()));
    let error = Server::start(in_directory(&directory)).unwrap_err();
    assert!(matches!(&error, ServerError::DataInUse { path } if *path == directory), "{error}");
    assert!(error.to_string().contains("TRACER_SERVER_DATA"), "{error}");
    first.stop();
    // Another process's claim counts as well, and ends with it, whatever ends it.
    let process = Process::start(&directory);
    assert!(matches!(Server::start(in_directory(&directory)), Err(ServerError::DataInUse { .. })));
    process.kill();
    Server::start(in_directory(&directory)).unwrap();
}

#[test]
fn a_place_that_is_no_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Server::start(in_directory(&file)).unwrap_err();
    assert!(matches!(&error, ServerError::Data { .. }), "{error}");
    assert!(error.to_string().contains("file"), "{error}");
}

fn moved_aside(directory: &Path) -> usize {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().starts_with("traces.db.unreadable-")).count()
}

#[test]
fn what_can_not_be_read_is_moved_aside_once() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    std::fs::write(directory.join("traces.db"), "this is no database ".repeat(1_000)).unwrap();
    for round in 1..=2 {
        let server = Server::start(in_directory(directory)).unwrap();
        send(server.url(), round).unwrap();
        assert_eq!(server.health().traces as u64, round);
        assert_eq!(moved_aside(directory), 1);
    }
}

#[test]
fn damage_anywhere_ends_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template");
    {
        let server = Server::start(in_directory(&template)).unwrap();
        (1..=50).for_each(|trace| send(server.url(), trace).unwrap());
    }
    let good = std::fs::read(template.join("traces.db")).unwrap();
    assert!(good.len() > 400_000, "{}", good.len());
    for (number, damaged) in (0..12).map(|part| part * good.len() / 12).enumerate() {
        let directory = folder.path().join(number.to_string());
        std::fs::create_dir(&directory).unwrap();
        let mut bytes = good.clone();
        let end = (damaged + 20_000).min(bytes.len());
        bytes[damaged..end].fill(0x5a);
        std::fs::write(directory.join("traces.db"), bytes).unwrap();
        let server = Server::start(in_directory(&directory)).unwrap();
        let client = QueryClient::new(server.url()).unwrap();
        // Some can be read and some can't, which is said.
        for trace in [1, 25, 50u128] {
            let _ = client.trace(TraceId::from_int(trace));
        }
        let _ = client.traces(&TraceQuery::default());
        // A sender tries again, as it does after every 503.
        let deadline = Instant::now() + Duration::from_secs(20);
        for trace in 100..110 {
            while let Err(status) = send(server.url(), trace) {
                assert_eq!(status, 503, "part {number}");
                assert!(Instant::now() < deadline, "part {number}: {:?}", server.health());
            }
        }
        drop(server);
        let server = Server::start(in_directory(&directory)).unwrap();
        assert!(moved_aside(&directory) <= 2, "part {number}");
        send(server.url(), 111).unwrap();
    }
}

#[test]
fn a_newer_servers_traces_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::start(in_directory(folder.path())).unwrap());
    let database = rusqlite::Connection::open(folder.path().join("traces.db")).unwrap();
    database.pragma_update(None, "user_version", 1_000).unwrap();
    drop(database);
    let error = Server::start(in_directory(folder.path())).unwrap_err().to_string();
    assert!(error.contains("another version"), "{error}");
    assert_eq!(moved_aside(folder.path()), 0);
}

#[cfg(unix)]
#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    // No file of this process grows beyond 2 MiB; the system says so instead of ending it.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    let process = Process::start_by(&directory, limited);
    let mut acknowledged = Vec::new();
    let refused = (1..2_000).find_map(|trace| match send(&process.url, trace) {
        Ok(()) => {
            acknowledged.push(trace);
            None
        }
        Err(status) => Some(status),
    });
    assert_eq!(refused, Some(503));
    assert!(acknowledged.len() > 10, "{}", acknowledged.len());
    let answer = post(&format!("{}/v1/traces", process.url), &[PROTOBUF], &request_of(5_000));
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "5");
    let client = QueryClient::new(&process.url).unwrap();
    assert_ne!(client.health().unwrap().status, "ok");
    all_there(&client, &acknowledged);
    process.kill();
    let server = Server::start(in_directory(&directory)).unwrap();
    all_there(&QueryClient::new(server.url()).unwrap(), &acknowledged);
    send(server.url(), 6_000).unwrap();
    assert_eq!(server.health().status, "ok");
}

#[test]
fn bytes_and_age_bound_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = in_directory(folder.path());
    config.max_bytes = 1 << 20;
    let server = Server::start(config.clone()).unwrap();
    for trace in 1..=200 {
        send(server.url(), trace).unwrap();
        assert!(server.health().bytes <= 1 << 20);
    }
    let before = server.health();
    assert!(before.evicted_traces > 50 && before.evicted_spans == 10 * before.evicted_traces, "{before:?}");
    assert_eq!(before.traces as u64 + before.evicted_traces, 200);
    drop(server);
    let server = Server::start(config.clone()).unwrap();
    let after = server.health();
    assert_eq!(
        (after.traces, after.spans, after.bytes, after.evicted_traces, after.evicted_spans),
        (before.traces, before.spans, before.bytes, before.evicted_traces, before.evicted_spans)
    );
    let client = QueryClient::new(server.url()).unwrap();
    assert!(client.trace(TraceId::from_int(1)).unwrap().is_none());
    all_there(&client, &[199, 200]);
    drop(server);
    config.max_age = Duration::from_secs(1);
    let server = Server::start(config).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.health().spans > 0 {
        assert!(Instant::now() < deadline, "{:?}", server.health());
        std::thread::sleep(Duration::from_millis(20));
    }
    let client = QueryClient::new(server.url()).unwrap();
    assert_eq!(client.traces(&TraceQuery::default()).unwrap(), []);
    assert_eq!(server.health().traces, 0);
}
