//! A GET in a few lines of HTTP/1.0: for one local question, without a runtime.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Status and body of a GET. HTTP/1.0, so that the body ends with the connection.
pub(crate) fn http_get(
    addr: SocketAddr,
    path: &str,
    timeout: Duration,
    largest: usize,
) -> io::Result<(u16, Vec<u8>)> {
    let deadline = Instant::now() + timeout;
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::Error::from(io::ErrorKind::TimedOut)) } else { Ok(left) }
    };
    let mut stream = TcpStream::connect_timeout(&addr, timeout)?;
    stream.set_write_timeout(Some(left()?))?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\nHost: {addr}\r\nConnection: close\r\n\r\n").as_bytes())?;

    let mut answer = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > largest {
            return Err(invalid("the answer is too long"));
        }
    }
    let head_end =
        answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or_else(|| invalid("no HTTP answer"))?;
    let head = std::str::from_utf8(&answer[..head_end]).map_err(|_| invalid("no HTTP answer"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(status_of).ok_or_else(|| invalid("no HTTP answer"))?;
    let is_length = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("content-length");
    let length = lines.filter_map(|line| line.split_once(':')).find(is_length);
    let length = length.map(|(_, length)| length.trim().parse::<usize>());
    let body = answer.split_off(head_end + 4);
    if length.is_some_and(|length| length != Ok(body.len())) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((status, body))
}

/// The code of a status line such as `HTTP/1.0 200 OK`.
fn status_of(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
