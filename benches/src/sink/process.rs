//! The receiver as a process of its own, so that its CPU time is nobody else's.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::answer::COUNT;

/// A running receiver. It ends when this is dropped.
#[derive(Debug)]
pub struct SinkProcess {
    child: Child,
    input: Option<ChildStdin>,
    port: u16,
}

impl SinkProcess {
    /// Runs `command`, which has to end in [`run`](super::run).
    pub fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let mut sink = Self { child, input, port: 0 };
        // A failure drops the process that was started.
        sink.port = line.trim().parse().map_err(|_| io::Error::other("the sink did not say its port"))?;
        Ok(sink)
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }
}

/// Spans that came to the receiver at this URL since the last call.
pub fn take_count(url: &str) -> io::Result<u64> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    write!(stream, "GET {COUNT} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let count = answer.split("\r\n\r\n").nth(1).and_then(|body| body.trim().parse().ok());
    count.ok_or_else(|| io::Error::other(format!("the sink answered {answer:?}")))
}

impl Drop for SinkProcess {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
