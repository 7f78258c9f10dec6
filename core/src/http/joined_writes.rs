//! Few large writes instead of many small ones.
//!
//! HTTP/2 is written frame by frame, of 16 KiB where the receiver asks for no more, and flushed after each; a system call
//! for each of them was a quarter of what delivery cost. Here a flush waits until the connection is polled the next
//! time, which it asks for itself: by then all frames that could be sent have been handed over.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

/// So many bytes are written without waiting for more.
const ENOUGH: usize = 256 << 10;

/// Makes connections whose writes are joined, if `joins` says so. It goes around the one for TLS, since only HTTP/2
/// itself is sure to flush again.
#[derive(Clone, Debug)]
pub(super) struct Joining<C> {
    pub(super) connector: C,
    pub(super) joins: bool,
}

impl<C> Service<Uri> for Joining<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = JoinedWrites<C::Response>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(task)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, joins) = (self.connector.call(uri), self.joins);
        Box::pin(async move { Ok(JoinedWrites::new(connecting.await?, joins)) })
    }
}

/// A connection whose writes are joined.
#[derive(Debug)]
pub(super) struct JoinedWrites<T> {
    io: T,
    joins: bool,
    waiting: Vec<u8>,
    /// How many of the waiting bytes are written.
    written: usize,
    /// Whether something was added since the last flush.
    fresh: bool,
    /// Whether a flush has been put off.
    owed: bool,
}

impl<T> JoinedWrites<T> {
    fn new(io: T, joins: bool) -> Self {
        Self { io, joins, waiting: Vec::new(), written: 0, fresh: false, owed: false }
    }
}

impl<T: Write + Unpin> JoinedWrites<T> {
    fn io(&mut self) -> Pin<&mut T> {
        Pin::new(&mut self.io)
    }

    /// Writes everything that waits.
    fn poll_empty(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.owed = false;
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.io).poll_write(task, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.waiting.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Makes room for what comes next.
    fn poll_room(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.len() >= ENOUGH {
            ready!(self.poll_empty(task))?;
        }
        self.fresh = true;
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for JoinedWrites<T> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.joins {
            return self.io().poll_write(task, bytes);
        }
        ready!(self.poll_room(task))?;
        self.waiting.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.joins {
            return self.io().poll_write_vectored(task, slices);
        }
        ready!(self.poll_room(task))?;
        let before = self.waiting.len();
        slices.iter().for_each(|slice| self.waiting.extend_from_slice(slice));
        Poll::Ready(Ok(self.waiting.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        self.joins || self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.fresh) && self.waiting.len() < ENOUGH {
            self.owed = true;
            task.waker().wake_by_ref();
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_empty(task))?;
        self.io().poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_empty(task))?;
        self.io().poll_shutdown(task)
    }
}

impl<T: Read + Write + Unpin> Read for JoinedWrites<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Reading comes first in a poll, so this is the next one. What can't be written now goes with the flush behind it.
        if self.owed
            && let Poll::Ready(Err(error)) = self.poll_empty(task)
        {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.io).poll_read(task, buffer)
    }
}

impl<T: Connection> Connection for JoinedWrites<T> {
    fn connected(&self) -> Connected {
        self.io.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;
    use std::task::{Wake, Waker};

    use super::*;

    /// Takes so many bytes a write, and is busy for every other call if it `stutters`.
    #[derive(Default)]
    struct Peer {
        took: Vec<u8>,
        writes: usize,
        most: usize,
        stutters: bool,
        busy: bool,
        closed: bool,
    }

    impl Write for Peer {
        fn poll_write(
            mut self: Pin<&mut Self>,
            task: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.busy = self.stutters && !self.busy;
            if self.busy {
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            let taken = bytes.len().min(self.most);
            self.writes += 1;
            self.took.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.closed = true;
            Poll::Ready(Ok(()))
        }
    }

    impl Read for Peer {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// Writes and flushes frame by frame, as HTTP/2 does in one poll.
    fn send(io: &mut JoinedWrites<Peer>, task: &mut Context<'_>, frames: usize) -> Vec<u8> {
        let mut sent = Vec::new();
        for n in 0..frames {
            let (head, body) = ([n as u8; 9], vec![n as u8; 1000]);
            let slices = [IoSlice::new(&head), IoSlice::new(&body)];
            assert!(matches!(Pin::new(&mut *io).poll_write_vectored(task, &slices), Poll::Ready(Ok(1009))));
            assert!(Pin::new(&mut *io).poll_flush(task).is_ready());
            sent.extend_from_slice(&head);
            sent.extend_from_slice(&body);
        }
        sent
    }

    fn joined(most: usize, stutters: bool) -> JoinedWrites<Peer> {
        JoinedWrites::new(Peer { most, stutters, ..Peer::default() }, true)
    }

    #[test]
    fn frames_of_one_poll_are_one_write_in_the_next() {
        for reads_first in [false, true] {
            let wakes = Arc::new(Wakes::default());
            let waker = Waker::from(Arc::clone(&wakes));
            let mut task = Context::from_waker(&waker);
            let mut io = joined(usize::MAX, false);
            let sent = send(&mut io, &mut task, 10);
            assert_eq!(io.io.writes, 0);
            assert!(wakes.0.load(Relaxed) > 0, "somebody has to come back");
            if reads_first {
                let mut buffer = hyper::rt::ReadBuf::new(&mut []);
                assert!(Pin::new(&mut io).poll_read(&mut task, buffer.unfilled()).is_pending());
            } else {
                assert!(Pin::new(&mut io).poll_flush(&mut task).is_ready());
            }
            assert_eq!((io.io.writes, &io.io.took), (1, &sent));
        }
    }

    #[test]
    fn a_busy_peer_gets_everything_in_order_and_memory_is_bounded() {
        let mut task = Context::from_waker(Waker::noop());
        let mut io = joined(3000, true);
        let mut sent = Vec::new();
        for n in 0..1000 {
            let frame = vec![n as u8; 1000];
            while Pin::new(&mut io).poll_write(&mut task, &frame).is_pending() {}
            let _ = Pin::new(&mut io).poll_flush(&mut task);
            sent.extend_from_slice(&frame);
            assert!(io.waiting.len() < ENOUGH + 1000);
        }
        while Pin::new(&mut io).poll_shutdown(&mut task).is_pending() {}
        assert_eq!((io.io.took, io.io.closed), (sent, true));
    }

    #[test]
    fn a_peer_that_takes_nothing_is_an_error() {
        let mut task = Context::from_waker(Waker::noop());
        let mut io = joined(0, false);
        send(&mut io, &mut task, 1);
        assert!(matches!(Pin::new(&mut io).poll_flush(&mut task), Poll::Ready(Err(_))));
    }

    #[test]
    fn http1_writes_as_ever() {
        let mut task = Context::from_waker(Waker::noop());
        let mut io = JoinedWrites::new(Peer { most: 9, ..Peer::default() }, false);
        assert!(matches!(
            Pin::new(&mut io).poll_write(&mut task, b"at once and in part"),
            Poll::Ready(Ok(9))
        ));
        assert_eq!((io.io.writes, io.waiting.len()), (1, 0));
    }
}
