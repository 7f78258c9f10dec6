//! Our server as a process of its own, and what the processes that were started here use.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use tracer_factory_agent_session::{Server as Embedded, ServerConfig};

use crate::Failed;

/// The argument that makes this program a server.
pub(crate) const SERVE: &str = "--serve";

/// Serves until standard input is closed; says its URL on standard output.
pub(crate) fn serve(place: &str) -> Result<(), Failed> {
    let mut config = ServerConfig::new("127.0.0.1:0".parse()?);
    config.data = (place != "memory").then(|| place.into());
    // Room for what is asked about.
    config.max_bytes = 1 << 30;
    let server = Embedded::start(config)?;
    println!("{}", server.url());
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    url: String,
}

impl Server {
    pub(crate) fn start(place: &Path) -> Result<Self, Failed> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .arg(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        Ok(Self { child, input, url: line.trim().to_owned() })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// What all processes below this one use.
pub(crate) struct Descendants {
    pub(crate) cpu_seconds: f64,
    pub(crate) rss_mb: f64,
    pub(crate) peak_rss_mb: f64,
}

impl Descendants {
    pub(crate) fn now() -> Result<Self, Failed> {
        let mut all = Self { cpu_seconds: 0.0, rss_mb: 0.0, peak_rss_mb: 0.0 };
        all.add_children_of(std::process::id())?;
        Ok(all)
    }

    fn add_children_of(&mut self, process: u32) -> Result<(), Failed> {
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let children = fs::read_to_string(task?.path().join("children"))?;
            for child in children.split_whitespace() {
                let child: u32 = child.parse()?;
                self.add(child)?;
                self.add_children_of(child)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, process: u32) -> Result<(), Failed> {
        /// The kernel's unit, the same everywhere.
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        self.cpu_seconds += (ticks(11) + ticks(12)) / TICKS_PER_SECOND;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let kb = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse::<f64>().ok()
        };
        self.rss_mb += kb("VmRSS:").unwrap_or(0.0) / 1e3;
        self.peak_rss_mb += kb("VmHWM:").unwrap_or(0.0) / 1e3;
        Ok(())
    }
}
