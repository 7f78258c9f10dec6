//! Request bodies: read and inflated piece by piece, so that no sender decides how much memory they take.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most a body may be once inflated.
pub(super) const MOST_BYTES: usize = 20 << 20;
/// The most a compressed byte may become, beyond the first [`FREE_BYTES`].
const MOST_RATIO: usize = 100;
const FREE_BYTES: usize = 1 << 20;
/// For a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// What is read and thrown away of a refused body, so that its sender gets to read the answer.
const DRAINED_BYTES: usize = 64 << 20;
/// Bytes of all bodies in memory at one time.
const IN_FLIGHT_BYTES: usize = 64 << 20;
const PERMIT_BYTES: usize = 1 << 10;

#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is larger than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
    #[error("the compressed body inflates to more than {MOST_RATIO} times its size")]
    Bomb,
    #[error("the body is not whole gzip data: {0}")]
    Gzip(io::Error),
    #[error("the body took longer than {} seconds", BODY_TIMEOUT.as_secs())]
    Slow,
    #[error("the body broke off")]
    Broken,
    #[error("too many bodies at once; try again")]
    Busy,
}

/// The memory that all bodies together may take.
#[derive(Debug, Clone)]
pub(super) struct InFlight(Arc<Semaphore>);

impl InFlight {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(IN_FLIGHT_BYTES / PERMIT_BYTES)))
    }
}

/// A body and its share of [`InFlight`].
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    _share: Option<OwnedSemaphorePermit>,
}

/// Reads `body`, inflating it when `gzip`.
pub(super) async fn read(body: Body, gzip: bool, in_flight: &InFlight) -> Result<Whole, BodyError> {
    tokio::time::timeout(BODY_TIMEOUT, read_all(body, gzip, in_flight)).await.unwrap_or(Err(BodyError::Slow))
}

async fn read_all(mut body: Body, gzip: bool, in_flight: &InFlight) -> Result<Whole, BodyError> {
    let mut sink = Sink::new(gzip);
    let mut share: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let written = sink.write(&data).and_then(|()| grow(&mut share, sink.len(), in_flight));
        if let Err(error) = written {
            drop((sink, share));
            drain(body).await;
            return Err(error);
        }
    }
    Ok(Whole { bytes: sink.finish()?, _share: share })
}

fn grow(
    share: &mut Option<OwnedSemaphorePermit>,
    bytes: usize,
    in_flight: &InFlight,
) -> Result<(), BodyError> {
    let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let missing = bytes.div_ceil(PERMIT_BYTES).saturating_sub(held);
    if missing == 0 {
        return Ok(());
    }
    let missing = u32::try_from(missing).map_err(|_| BodyError::Busy)?;
    let more = Arc::clone(&in_flight.0).try_acquire_many_owned(missing).map_err(|_| BodyError::Busy)?;
    match share {
        Some(share) => share.merge(more),
        None => *share = Some(more),
    }
    Ok(())
}

async fn drain(mut body: Body) {
    let mut left = DRAINED_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, |data| data.len())) else { return };
        left = rest;
    }
}

/// Where a body's pieces go.
enum Sink {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Sink {
    fn new(gzip: bool) -> Self {
        if gzip {
            Self::Gzip(Box::new(MultiGzDecoder::new(Bounded::default())))
        } else {
            Self::Plain(Bounded::default())
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Plain(bounded) => bounded.bytes.len(),
            Self::Gzip(decoder) => decoder.get_ref().bytes.len(),
        }
    }

    fn write(&mut self, data: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Plain(bounded) => {
                bounded.received += data.len();
                bounded.write_all(data).map_err(Bounded::explain)
            }
            Self::Gzip(decoder) => {
                decoder.get_mut().received += data.len();
                decoder.write_all(data).map_err(Bounded::explain)
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::Plain(bounded) => Ok(bounded.bytes),
            Self::Gzip(mut decoder) => {
                decoder.try_finish().map_err(Bounded::explain)?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }
}

/// Bytes that refuse to grow beyond the limits.
#[derive(Debug, Default)]
struct Bounded {
    bytes: Vec<u8>,
    /// Bytes that came over the wire so far.
    received: usize,
}

impl Bounded {
    fn is_bomb(&self, bytes: usize) -> bool {
        bytes > FREE_BYTES + self.received.saturating_mul(MOST_RATIO)
    }

    /// What `error` of a writer in front of it was about.
    fn explain(error: io::Error) -> BodyError {
        match error.kind() {
            io::ErrorKind::FileTooLarge => BodyError::TooLarge,
            io::ErrorKind::QuotaExceeded => BodyError::Bomb,
            _ => BodyError::Gzip(error),
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let bytes = self.bytes.len() + data.len();
        if self.is_bomb(bytes) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        if bytes > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
