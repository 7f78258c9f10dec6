//! Storage that outlives the process: requests as they came in a table of SQLite, and what lists say of their traces in another.

mod database;
mod rows;
mod view;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tracer_factory_core::delivery::suppress_this_thread;

use self::database::Claim;
pub(super) use self::view::SqliteView;
use self::writer::Writer;
use super::fingerprint::FingerprintKey;
use super::index::Index;
use super::scan::Scanned;
use super::{IngestError, Ingested, Keep, Totals};
use crate::error::ServerError;

#[derive(Debug)]
pub(super) struct Sqlite {
    shared: Arc<Shared>,
    key: FingerprintKey,
    /// `None` once closed.
    writer: Mutex<Option<(Sender<Job>, JoinHandle<()>)>>,
    claim: Mutex<Option<Claim>>,
}

/// What the writer and readers share.
#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    /// Taken before `inner` by whoever needs both.
    reader: Mutex<Connection>,
    inner: Mutex<Inner>,
    failure: Mutex<Option<String>>,
}

/// Traces that changed a moment ago and are not saved yet, and what is counted of all.
#[derive(Debug, Default)]
struct Inner {
    index: Index,
    /// Requests before this one are gone.
    oldest: u64,
    totals: Totals,
}

/// A request to be stored.
#[derive(Debug)]
struct Job {
    request: Vec<u8>,
    scanned: Scanned,
    reply: oneshot::Sender<Result<Ingested, IngestError>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sqlite {
    /// Takes `directory` and reads what is in it.
    pub(super) fn open(directory: &Path, keep: Keep) -> Result<Self, ServerError> {
        let failed = |what: String| ServerError::Data { path: directory.to_owned(), what };
        let claim = database::claim(directory)?;
        let open = |connection| -> Result<(Arc<Shared>, Writer), rusqlite::Error> {
            let shared = Arc::new(Shared {
                directory: directory.to_owned(),
                reader: Mutex::new(database::open_reader(directory)?),
                inner: Mutex::default(),
                failure: Mutex::default(),
            });
            Ok((Arc::clone(&shared), Writer::new(connection, shared, keep)?))
        };
        let (shared, writer) = match open(database::open(directory)?) {
            Err(error) if database::is_corrupt(&error) => {
                open(database::begin_anew(directory)?).map_err(|error| failed(error.to_string()))?
            }
            opened => opened.map_err(|error| failed(error.to_string()))?,
        };
        let key = writer.key();
        let (jobs, received) = mpsc::channel();
        let thread = std::thread::Builder::new().name("tracer-store".to_owned()).spawn(move || {
            suppress_this_thread();
            writer.run(&received);
        });
        let thread = thread.map_err(ServerError::Thread)?;
        Ok(Self { shared, key, writer: Mutex::new(Some((jobs, thread))), claim: Mutex::new(Some(claim)) })
    }

    pub(super) fn key(&self) -> FingerprintKey {
        self.key
    }

    pub(super) fn directory(&self) -> &Path {
        &self.shared.directory
    }

    /// Resolves when the request is on disk.
    pub(super) async fn ingest(&self, request: Vec<u8>, scanned: Scanned) -> Result<Ingested, IngestError> {
        let (reply, answer) = writer::reply();
        let closed = || IngestError::Unavailable("the server is about to end".to_owned());
        {
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let (jobs, _) = writer.as_ref().ok_or_else(closed)?;
            jobs.send(Job { request, scanned, reply }).map_err(|_| closed())?;
        }
        answer.await.map_err(|_| closed())?
    }

    /// Why spans are refused at present.
    pub(super) fn failure(&self) -> Option<String> {
        self.shared.failure().clone()
    }

    pub(super) fn totals(&self) -> Totals {
        self.shared.lock().totals
    }

    pub(super) fn view(&self) -> SqliteView<'_> {
        let connection = self.shared.reader();
        SqliteView { connection, inner: self.shared.lock() }
    }

    /// Waits until everything is saved, and gives the directory back.
    pub(super) fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((jobs, thread)) = writer {
            drop(jobs);
            // A panic in it was reported when it happened.
            let _ = thread.join();
        }
        self.claim.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}
