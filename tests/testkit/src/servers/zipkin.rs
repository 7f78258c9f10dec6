//! Zipkin's server with its memory storage.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::error::{ReadError, StartError};
use super::http::{answers_ok, get_json};
use super::ports::with_free;
use super::process::{Launch, Process};
use crate::layout::Backend;

/// A JVM and Spring Boot, perhaps beside a compiler.
const START: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A running Zipkin, empty at first.
#[derive(Debug)]
pub struct Zipkin {
    process: Process,
    port: u16,
}

impl Zipkin {
    /// Starts one and waits until it is ready.
    pub fn start() -> Result<Self, StartError> {
        with_free(|[port]| {
            let launch = Launch::new(Backend::Zipkin)?;
            let jar = launch.program().to_owned();
            let mut process = launch.start("java", |java| {
                // A short life needs no optimising compiler.
                java.args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-jar"]).arg(jar);
                // QUERY_PORT alone would listen on every interface. A list is replaced as a whole.
                java.args([
                    "--armeria.ports[0].ip=127.0.0.1".to_owned(),
                    format!("--armeria.ports[0].port={port}"),
                    "--armeria.ports[0].protocols[0]=http".to_owned(),
                ]);
                java.env("STORAGE_TYPE", "mem");
            })?;
            process.wait_ready(START, || answers_ok(&format!("http://127.0.0.1:{port}/health")))?;
            Ok(Self { process, port })
        })
    }

    /// The one that all tests of this process share.
    pub fn shared() -> Result<&'static Self, &'static StartError> {
        static SHARED: OnceLock<Result<Zipkin, StartError>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Where lists of spans are posted.
    pub fn spans(&self) -> String {
        format!("{}/api/v2/spans", self.query())
    }

    /// The query service and page.
    pub fn query(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The trace's spans in Zipkin's JSON, once there are at least `spans`. The two sides of a
    /// shared span count as two.
    pub fn trace(&self, trace_id: &str, spans: usize, within: Duration) -> Result<Vec<Value>, ReadError> {
        let url = format!("{}/api/v2/trace/{trace_id}", self.query());
        self.process.read(format!("trace {trace_id} with {spans} spans"), within, || array(&url, spans))
    }

    /// The links between services, `{parent, child, callCount[, errorCount]}`, of traces since
    /// yesterday, once there are at least `links`.
    pub fn dependencies(&self, links: usize, within: Duration) -> Result<Vec<Value>, ReadError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // An hour's margin for spans that end while this looks.
        let end = (now + Duration::from_secs(60 * 60)).as_millis();
        let url = format!("{}/api/v2/dependencies?endTs={end}&lookback={}", self.query(), DAY.as_millis());
        self.process.read(format!("{links} links between services"), within, || array(&url, links))
    }

    /// The server's log.
    pub fn log(&self) -> &Path {
        self.process.log()
    }
}

fn array(url: &str, at_least: usize) -> Result<Vec<Value>, String> {
    match get_json(url)? {
        Value::Array(items) if items.len() >= at_least => Ok(items),
        Value::Array(items) => Err(format!("it has {}", items.len())),
        other => Err(format!("GET {url}: not a list: {other}")),
    }
}
