//! The one thread that writes: requests in groups, each group one transaction, acknowledged when it is committed.
//!
//! What a request says of its traces is kept in memory for a moment and saved a little later, so that a trace that gets spans again and
//! again is written once. After a kill, requests that came since the first unsaved one are gone through again.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::oneshot;
use tracer_factory_core::ids::TraceId;

use super::database::{self, is_corrupt};
use super::rows::{self, number};
use super::{Job, Shared};
use crate::error::ServerError;
use crate::store::entry::Entry;
use crate::store::fingerprint::FingerprintKey;
use crate::store::scan::{Scanned, scan};
use crate::store::{IngestError, Ingested, Keep, cost_of};

/// How long a trace that changed stays in memory, for more spans of it to come.
const SETTLE: Duration = Duration::from_secs(2);
/// Traces that stay there at most.
const MOST_UNSAVED: usize = 40_000;
/// Traces saved in one transaction: at least so many, or whatever is there once it has waited. Identifiers are random, so that every
/// transaction that saves writes most pages of their index.
const SAVED_TOGETHER: usize = 4_000;
const SAVED_AT_ONCE: usize = 8_000;
const SAVED_LATEST: Duration = Duration::from_secs(3);
/// Bytes and requests in one transaction.
const GROUP_BYTES: usize = 4 << 20;
const GROUP_REQUESTS: usize = 64;
/// Between two looks at what is to be saved or let go.
const TICK: Duration = Duration::from_millis(250);
/// Requests let go in one transaction.
const LET_GO_AT_ONCE: usize = 512;

type Reply = oneshot::Sender<Result<Ingested, IngestError>>;

#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    keep: Keep,
    key: FingerprintKey,
    /// Traces in memory by when they came there, with the request that brought them.
    unsaved: VecDeque<(Instant, u64, TraceId)>,
    /// What could not be entered is never passed by.
    held: Option<u64>,
    next_batch: u64,
    next_turn: u64,
    /// When the oldest request came, in seconds since 1970.
    oldest_arrived: Option<u64>,
    /// Requests with spans that turned out to be stored before.
    duplicates: Vec<Duplicate>,
    /// Whether spans are refused at present.
    failing: bool,
}

/// A request, how many of its spans were stored before, and whether it has no others.
#[derive(Debug)]
struct Duplicate {
    batch: u64,
    spans: u64,
    is_whole: bool,
}

/// What a transaction did beside storing requests.
#[derive(Default)]
struct Done {
    saved: usize,
    let_go: LetGo,
}

#[derive(Default)]
struct LetGo {
    spans: u64,
    bytes: usize,
    rows: usize,
    /// The first request that is left, and the first turn of its traces.
    left: Option<(u64, u64)>,
    oldest_arrived: Option<u64>,
}

impl Writer {
    /// Reads the state of the database and goes through what was not saved.
    pub(super) fn new(connection: Connection, shared: Arc<Shared>, keep: Keep) -> rusqlite::Result<Self> {
        let mut writer = Self {
            connection,
            shared,
            keep,
            key: FingerprintKey([0; 2]),
            unsaved: VecDeque::new(),
            held: None,
            next_batch: 1,
            next_turn: 1,
            oldest_arrived: None,
            duplicates: Vec::new(),
            failing: false,
        };
        writer.recover()?;
        Ok(writer)
    }

    pub(super) fn key(&self) -> FingerprintKey {
        self.key
    }

    fn recover(&mut self) -> rusqlite::Result<()> {
        let state = "SELECT key_0, key_1, first_unsaved, next_batch, next_turn, evicted_traces, evicted_spans FROM state";
        let state: [u64; 7] = self.connection.query_row(state, [], |row| {
            let mut numbers = [0; 7];
            for (at, slot) in numbers.iter_mut().enumerate() {
                *slot = number(row, at)?;
            }
            Ok(numbers)
        })?;
        let [key_0, key_1, first_unsaved, next_batch, next_turn, evicted_traces, evicted_spans] = state;
        self.key = FingerprintKey([key_0, key_1]);
        (self.next_batch, self.next_turn) = (next_batch, next_turn);
        let totals =
            "SELECT ifnull(min(id), 0), ifnull(min(arrived), 0), ifnull(sum(spans), 0), ifnull(sum(cost), 0),
                      (SELECT count(*) FROM traces) FROM batches";
        let (oldest, arrived, spans, bytes, traces) = self.connection.query_row(totals, [], |row| {
            Ok((number(row, 0)?, number(row, 1)?, number(row, 2)?, number(row, 3)?, number(row, 4)?))
        })?;
        {
            let mut inner = self.shared.lock();
            inner.oldest = if oldest == 0 { next_batch } else { oldest };
            inner.totals.spans = spans;
            inner.totals.bytes = bytes as usize;
            inner.totals.traces = traces as usize;
            inner.totals.evicted_traces = evicted_traces;
            inner.totals.evicted_spans = evicted_spans;
        }
        self.oldest_arrived = (oldest > 0).then_some(arrived);
        let batches: Vec<(u64, u64)> = self
            .connection
            .prepare("SELECT id, first_turn FROM batches WHERE id >= ?1 ORDER BY id")?
            .query_map([first_unsaved as i64], |row| Ok((number(row, 0)?, number(row, 1)?)))?
            .collect::<Result<_, _>>()?;
        for (batch, first_turn) in batches {
            let request: Vec<u8> = self.connection.query_row(
                "SELECT request FROM requests WHERE id = ?1",
                [batch as i64],
                |row| row.get(0),
            )?;
            // It was checked before it was stored.
            let scanned = scan(&request, self.key).unwrap_or_default();
            self.enter(batch, first_turn, &request, scanned)?;
        }
        Ok(())
    }

    /// Until there is nobody left who could send anything.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let first = match jobs.recv_timeout(TICK) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut group: Vec<Job> = first.into_iter().collect();
            let mut bytes = 0;
            while !group.is_empty() && bytes < GROUP_BYTES && group.len() < GROUP_REQUESTS {
                let Ok(job) = jobs.try_recv() else { break };
                bytes += job.request.len();
                group.push(job);
            }
            self.round(group);
        }
        self.save_all();
        // One file is easier to copy than three; should it fail, the next start does it.
        let _ = self.connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
    }

    /// At the end nothing is left to go through at the next start.
    fn save_all(&mut self) {
        let mut left = self.unsaved.len();
        while left > 0 {
            match self.commit(&[], left.min(MOST_UNSAVED)) {
                Ok(done) => self.settled(done),
                Err(error) => {
                    // The requests are stored; only the next start takes longer.
                    tracing::debug!(%error, "the summaries of stored traces were not saved");
                    return;
                }
            }
            left = self.unsaved.len();
        }
    }

    fn round(&mut self, group: Vec<Job>) {
        let now = Instant::now();
        let surplus = self.unsaved.len().saturating_sub(MOST_UNSAVED);
        let settled =
            self.unsaved.iter().take_while(|(since, ..)| now.duration_since(*since) >= SETTLE).count();
        let is_late =
            self.unsaved.front().is_some_and(|(since, ..)| now.duration_since(*since) >= SAVED_LATEST);
        let due = settled.max(surplus);
        let save = if due >= SAVED_TOGETHER || is_late { due.min(SAVED_AT_ONCE) } else { 0 };
        if group.is_empty() && save == 0 && !self.is_too_much(0) && self.duplicates.is_empty() {
            return;
        }
        match self.commit(&group, save) {
            Ok(done) => {
                self.recovered();
                {
                    let mut inner = self.shared.lock();
                    for job in &group {
                        inner.totals.bytes += cost_of(&job.request, &job.scanned);
                        inner.totals.spans += job.scanned.spans;
                    }
                }
                self.settled(done);
                for job in group {
                    self.acknowledge(job);
                }
            }
            Err(error) => self.refuse(group, &error),
        }
    }

    /// One transaction: stores the requests of `group`, saves the first `save` traces, lets go what is too much.
    fn commit(&mut self, group: &[Job], save: usize) -> rusqlite::Result<Done> {
        let arrived = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (mut batch, mut turn, mut cost) = (self.next_batch, self.next_turn, 0);
        for job in group {
            let job_cost = cost_of(&job.request, &job.scanned);
            transaction.prepare_cached("INSERT INTO batches VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(
                params![batch as i64, arrived as i64, turn as i64, job.scanned.spans as i64, job_cost as i64],
            )?;
            transaction
                .prepare_cached("INSERT INTO requests VALUES (?1, ?2)")?
                .execute(params![batch as i64, job.request])?;
            batch += 1;
            turn += job.scanned.groups.len() as u64;
            cost += job_cost;
        }
        for (_, _, id) in self.unsaved.iter().take(save) {
            let inner = self.shared.lock();
            if let Some(entry) = inner.index.get(*id) {
                rows::save(&transaction, *id, entry)?;
            }
        }
        for Duplicate { batch, spans, is_whole } in &self.duplicates {
            if *is_whole {
                delete(&transaction, *batch)?;
            } else {
                transaction
                    .prepare_cached("UPDATE batches SET spans = max(spans - ?2, 0) WHERE id = ?1")?
                    .execute([*batch as i64, *spans as i64])?;
            }
        }
        let (bytes, mut evicted_traces, mut evicted_spans) = {
            let totals = self.shared.lock().totals;
            (totals.bytes + cost, totals.evicted_traces, totals.evicted_spans)
        };
        let let_go = if too_much(self.keep, bytes, self.oldest_arrived, arrived) {
            let_go(&transaction, self.keep, bytes, arrived, (batch, turn))?
        } else {
            LetGo {
                oldest_arrived: self.oldest_arrived.or((!group.is_empty()).then_some(arrived)),
                ..LetGo::default()
            }
        };
        evicted_traces += let_go.rows as u64;
        evicted_spans += let_go.spans;
        let first_unsaved = self.unsaved.get(save).map_or(self.next_batch, |(_, batch, _)| *batch);
        let first_unsaved = self.held.map_or(first_unsaved, |held| held.min(first_unsaved));
        transaction
            .prepare_cached(
                "UPDATE state SET first_unsaved = ?1, next_batch = ?2, next_turn = ?3, evicted_traces = ?4, evicted_spans = ?5",
            )?
            .execute([first_unsaved, batch, turn, evicted_traces, evicted_spans].map(|number| number as i64))?;
        transaction.commit()?;
        Ok(Done { saved: save, let_go })
    }

    /// What was saved leaves memory, and what was let go leaves the counts.
    fn settled(&mut self, done: Done) {
        self.duplicates.clear();
        self.oldest_arrived = done.let_go.oldest_arrived;
        let mut inner = self.shared.lock();
        for (_, _, id) in self.unsaved.drain(..done.saved.min(self.unsaved.len())) {
            inner.index.remove(id);
        }
        let LetGo { spans, bytes, rows, left, .. } = done.let_go;
        if let Some((oldest, first_turn)) = left {
            inner.oldest = oldest;
            let expired = inner.index.expire(first_turn);
            let totals = &mut inner.totals;
            totals.spans = totals.spans.saturating_sub(spans);
            totals.bytes = totals.bytes.saturating_sub(bytes);
            totals.evicted_spans += spans;
            totals.evicted_traces += (rows + expired) as u64;
            totals.traces = totals.traces.saturating_sub(rows + expired);
        }
    }

    /// Enters a stored request into the index and tells its sender.
    fn acknowledge(&mut self, job: Job) {
        let Job { request, scanned, reply } = job;
        let (batch, first_turn) = (self.next_batch, self.next_turn);
        self.next_batch += 1;
        self.next_turn += scanned.groups.len() as u64;
        let rejected = scanned.rejected;
        let (offered, cost) = (scanned.spans, cost_of(&request, &scanned));
        // One that alone is too much was let go at once.
        let is_there = self.shared.lock().oldest <= batch;
        let entered = if is_there {
            self.enter(batch, first_turn, &request, scanned)
        } else {
            self.shared.lock().totals.evicted_traces += scanned.groups.len() as u64;
            Ok(offered)
        };
        let answer = match entered {
            Ok(accepted) => {
                let duplicates = offered - accepted;
                if duplicates > 0 {
                    let is_whole = accepted == 0;
                    self.duplicates.push(Duplicate { batch, spans: duplicates, is_whole });
                    let totals = &mut self.shared.lock().totals;
                    totals.spans = totals.spans.saturating_sub(duplicates);
                    totals.bytes = totals.bytes.saturating_sub(if is_whole { cost } else { 0 });
                }
                Ok(Ingested { accepted, rejected, duplicates })
            }
            Err(error) => {
                // It is stored and will be gone through at the next start; sent again, it is entered at once.
                self.held.get_or_insert(batch);
                self.failed(&error);
                Err(IngestError::Unavailable(error.to_string()))
            }
        };
        // Who does not wait any more gets no answer.
        let _ = reply.send(answer);
    }

    /// Adds what a stored request says to its traces; those that are not in memory are loaded. Says how many spans were new.
    fn enter(
        &mut self,
        batch: u64,
        first_turn: u64,
        request: &[u8],
        scanned: Scanned,
    ) -> rusqlite::Result<u64> {
        let mut loaded: Vec<(TraceId, Option<Entry>)> = Vec::new();
        let mut asked = HashSet::new();
        {
            let inner = self.shared.lock();
            for group in &scanned.groups {
                if inner.index.get(group.trace_id).is_none() && asked.insert(group.trace_id) {
                    loaded.push((group.trace_id, None));
                }
            }
        }
        for (id, entry) in &mut loaded {
            *entry = rows::load(&self.connection, *id)?;
        }
        let now = Instant::now();
        let mut added = 0;
        let mut inner = self.shared.lock();
        let oldest = inner.oldest;
        for (id, entry) in loaded {
            match entry {
                Some(entry) => inner.index.insert(id, entry),
                None => inner.totals.traces += 1,
            }
            self.unsaved.push_back((now, batch, id));
        }
        for (turn, group) in (first_turn..).zip(scanned.groups) {
            // A request is checked before it comes here.
            added += inner.index.add(group, request, (batch, oldest), turn).unwrap_or(0);
        }
        Ok(added)
    }

    fn is_too_much(&self, more: usize) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        too_much(self.keep, self.shared.lock().totals.bytes + more, self.oldest_arrived, now)
    }

    fn refuse(&mut self, group: Vec<Job>, error: &rusqlite::Error) {
        self.failed(error);
        for job in group {
            let _ = job.reply.send(Err(IngestError::Unavailable(error.to_string())));
        }
        if is_corrupt(error) {
            self.begin_anew();
        }
    }

    /// Says so once.
    fn failed(&mut self, error: &rusqlite::Error) {
        *self.shared.failure() = Some(error.to_string());
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(path = %self.shared.directory.display(), %error, "spans can't be stored and are refused until they can");
        }
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failing) {
            *self.shared.failure() = None;
            tracing::info!(path = %self.shared.directory.display(), "spans are stored again");
        }
    }

    /// A database that broke while it was used is moved aside.
    fn begin_anew(&mut self) {
        let anew = || -> Result<(Connection, Connection), ServerError> {
            let connection = database::begin_anew(&self.shared.directory)?;
            let reader = database::open_reader(&self.shared.directory).map_err(|error| {
                ServerError::Data { path: self.shared.directory.clone(), what: error.to_string() }
            })?;
            Ok((connection, reader))
        };
        match anew() {
            Ok((connection, reader)) => {
                *self.shared.reader() = reader;
                *self.shared.lock() = super::Inner::default();
                self.connection = connection;
                self.unsaved.clear();
                self.duplicates.clear();
                self.held = None;
                // The fingerprints' key stays what it is, for those who have it.
                let FingerprintKey([first, second]) = self.key;
                let kept = self
                    .connection
                    .execute("UPDATE state SET key_0 = ?1, key_1 = ?2", [first as i64, second as i64])
                    .and_then(|_| self.recover());
                if let Err(error) = kept {
                    tracing::debug!(%error, "the new database can't be read");
                }
            }
            Err(error) => tracing::debug!(%error, "no new database"),
        }
    }
}

fn too_much(keep: Keep, bytes: usize, oldest_arrived: Option<u64>, now: u64) -> bool {
    bytes > keep.max_bytes
        || oldest_arrived.is_some_and(|oldest| oldest.saturating_add(keep.max_age.as_secs()) < now)
}

/// Lets the oldest requests go, and the traces that have no others.
fn let_go(
    connection: &Connection,
    keep: Keep,
    mut bytes: usize,
    now: u64,
    next: (u64, u64),
) -> rusqlite::Result<LetGo> {
    let mut gone = LetGo::default();
    let mut oldest = connection
        .prepare_cached("SELECT id, arrived, first_turn, spans, cost FROM batches ORDER BY id LIMIT 1")?;
    for round in 0.. {
        let mut rows = oldest.query([])?;
        let Some(row) = rows.next()? else {
            gone.left = Some(next);
            gone.oldest_arrived = None;
            break;
        };
        let (id, arrived, first_turn) = (number(row, 0)?, number(row, 1)?, number(row, 2)?);
        gone.left = Some((id, first_turn));
        gone.oldest_arrived = Some(arrived);
        if !too_much(keep, bytes, Some(arrived), now) || round == LET_GO_AT_ONCE {
            break;
        }
        let (spans, cost) = (number(row, 3)?, number(row, 4)? as usize);
        drop(rows);
        delete(connection, id)?;
        bytes = bytes.saturating_sub(cost);
        gone.bytes += cost;
        gone.spans += spans;
    }
    if let Some((_, first_turn)) = gone.left {
        gone.rows = connection
            .prepare_cached("DELETE FROM traces WHERE turn < ?1")?
            .execute([i64::try_from(first_turn).unwrap_or(i64::MAX)])?;
    }
    Ok(gone)
}

fn delete(connection: &Connection, batch: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM batches WHERE id = ?1")?.execute([batch as i64])?;
    connection.prepare_cached("DELETE FROM requests WHERE id = ?1")?.execute([batch as i64])?;
    Ok(())
}

/// What a sender waits for.
pub(super) fn reply() -> (Reply, oneshot::Receiver<Result<Ingested, IngestError>>) {
    oneshot::channel()
}
