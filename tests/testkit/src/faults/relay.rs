//! One client's connection under a fault that changes.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::proxy::Seen;
use super::{Answer, Direction, Fault, answer};

/// Bytes that are moved at once.
const PIECE: usize = 64 << 10;
/// Trickling happens so many times a second.
const DROPS: u32 = 20;

/// The fault of the moment. A connection sees each, in order, however fast they follow each other.
pub(super) struct Told {
    now: Fault,
    next: mpsc::UnboundedReceiver<Fault>,
}

impl Told {
    pub(super) fn new(now: Fault, next: mpsc::UnboundedReceiver<Fault>) -> Self {
        Self { now, next }
    }

    /// Waits for another one.
    async fn changed(&mut self) {
        match self.next.recv().await {
            Some(fault) => self.now = fault,
            // The proxy is gone, and this task with it.
            None => pending().await,
        }
    }
}

/// Until either side has ended, or a fault ends it.
pub(super) async fn run(mut client: TcpStream, receiver: SocketAddr, mut faults: Told, seen: Arc<Seen>) {
    let _ = client.set_nodelay(true);
    loop {
        match faults.now.clone() {
            Fault::Refuse | Fault::Reset => return reset(&client),
            Fault::Answer(answer) => {
                return tokio::select! {
                    () = answer_all(client, *answer, seen) => {}
                    () = faults.changed() => {}
                };
            }
            Fault::Hang | Fault::BlackHole => {
                faults.changed().await;
            }
            _ => break,
        }
    }
    match TcpStream::connect(receiver).await {
        Ok(mut server) => {
            let _ = server.set_nodelay(true);
            forward(&mut client, &mut server, faults, &seen).await;
        }
        Err(_) => reset(&client),
    }
}

async fn answer_all(client: TcpStream, answer: Answer, seen: Arc<Seen>) {
    answer::serve(client, move |_, _| {
        seen.answered();
        answer.clone()
    })
    .await;
}

/// What is dropped next is reset, not closed.
fn reset(client: &TcpStream) {
    let _ = client.set_zero_linger();
}

async fn forward(client: &mut TcpStream, server: &mut TcpStream, mut faults: Told, seen: &Seen) {
    let ended = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let mut up = Pipe::new(Direction::Up, client_read, server_write, Some(seen));
        let mut down = Pipe::new(Direction::Down, server_read, client_write, None);
        loop {
            let fault = faults.now.clone();
            match fault {
                Fault::Refuse | Fault::Reset => break Fault::Reset,
                // The next request comes over another connection, and gets its answer there.
                Fault::Answer(_) => return,
                _ => {}
            }
            (up.passed, down.passed) = (0, 0);
            tokio::select! {
                ended = both(&mut up, &mut down, &fault) => break ended,
                () = faults.changed() => {}
            }
        }
    };
    match ended {
        Fault::Reset => reset(client),
        Fault::Cut { .. } => {
            let _ = client.shutdown().await;
            let _ = server.shutdown().await;
            // Closed with something unread, the connection would be reset, and what went through perhaps lost.
            let mut nothing = tokio::io::sink();
            tokio::select! {
                _ = tokio::io::copy(client, &mut nothing) => {}
                () = faults.changed() => {}
            }
        }
        _ => {}
    }
}

/// Moves bytes until both directions have ended, or the fault ends them: that is what it returns.
async fn both(up: &mut Pipe<'_>, down: &mut Pipe<'_>, fault: &Fault) -> Fault {
    let (mut up_done, mut down_done) = (false, false);
    while !(up_done && down_done) {
        let ended = tokio::select! {
            ended = up.run(fault), if !up_done => {
                up_done = true;
                ended
            }
            ended = down.run(fault), if !down_done => {
                down_done = true;
                ended
            }
        };
        match ended {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return fault.clone(),
            Err(_) => return Fault::Reset,
        }
    }
    Fault::Pass
}

/// One direction. It may be stopped anywhere, and go on under another fault, without a byte lost.
struct Pipe<'a> {
    direction: Direction,
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    /// Counts what was written.
    seen: Option<&'a Seen>,
    buffer: Box<[u8]>,
    /// What of the buffer has been read and not yet written.
    start: usize,
    end: usize,
    /// Bytes since the fault began.
    passed: u64,
    closed: bool,
}

impl<'a> Pipe<'a> {
    fn new(direction: Direction, from: ReadHalf<'a>, to: WriteHalf<'a>, seen: Option<&'a Seen>) -> Self {
        let buffer = vec![0; PIECE].into_boxed_slice();
        Self { direction, from, to, seen, buffer, start: 0, end: 0, passed: 0, closed: false }
    }

    /// `Continue` at the end of what is to be read, `Break` when the fault ends the connection.
    async fn run(&mut self, fault: &Fault) -> io::Result<ControlFlow<()>> {
        if self.closed {
            return Ok(ControlFlow::Continue(()));
        }
        loop {
            let room = match fault {
                Fault::Hang | Fault::BlackHole => pending().await,
                Fault::Cut { direction, after } if *direction == self.direction => {
                    usize::try_from(after.saturating_sub(self.passed)).unwrap_or(usize::MAX)
                }
                Fault::Trickle(bytes) => {
                    usize::try_from(bytes / u64::from(DROPS)).unwrap_or(usize::MAX).max(1)
                }
                _ => usize::MAX,
            };
            if room == 0 {
                return Ok(ControlFlow::Break(()));
            }
            if self.start == self.end {
                (self.start, self.end) = (0, self.from.read(&mut self.buffer).await?);
                if self.end == 0 {
                    self.closed = true;
                    self.to.shutdown().await?;
                    return Ok(ControlFlow::Continue(()));
                }
            }
            match fault {
                Fault::Delay(delay) => tokio::time::sleep(*delay).await,
                Fault::Trickle(_) => tokio::time::sleep(Duration::from_secs(1) / DROPS).await,
                _ => {}
            }
            let until = self.end.min(self.start.saturating_add(room));
            let written = self.to.write(&self.buffer[self.start..until]).await?;
            self.start += written;
            self.passed += written as u64;
            if let Some(seen) = self.seen {
                seen.up(written as u64);
            }
        }
    }
}
