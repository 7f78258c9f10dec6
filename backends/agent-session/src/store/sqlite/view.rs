//! Stored traces, read: those that changed a moment ago out of memory, all others out of the database.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::MutexGuard;

use rusqlite::blob::Blob;
use rusqlite::{Connection, MAIN_DB};
use tracer_factory_core::ids::TraceId;

use super::Inner;
use super::rows::{self, LISTED, Listed};
use crate::store::chunk::{Chunk, Run};
use crate::store::entry::Entry;
use crate::store::view::{Flow, ReadError, Row, View};

/// As long as this lives, no trace moves from memory to the database. One that is in both is newer in memory.
#[derive(Debug)]
pub(in crate::store) struct SqliteView<'a> {
    pub(super) connection: MutexGuard<'a, Connection>,
    pub(super) inner: MutexGuard<'a, Inner>,
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

impl SqliteView<'_> {
    fn row<'a>(&self, id: TraceId, entry: &'a Entry) -> Row<'a> {
        let (spans, omitted_spans) = entry.counts(self.inner.oldest);
        Row { id, turn: entry.turn, facts: &entry.facts, spans, omitted_spans }
    }

    /// Corrected for what is gone since it was saved; `None` when all of it is.
    fn corrected(&self, mut listed: Listed) -> Result<Option<Listed>, ReadError> {
        if listed.first_batch < self.inner.oldest {
            let chunks = rows::chunks(&self.connection, listed.id)?.unwrap_or_default();
            let gone = chunks.iter().filter(|chunk| chunk.batch < self.inner.oldest);
            let gone: u64 = gone.map(|chunk| u64::from(chunk.spans)).sum();
            listed.spans = listed.spans.saturating_sub(gone);
            listed.omitted_spans += gone;
        }
        Ok(Some(listed).filter(|listed| listed.spans > 0))
    }

    fn visit_saved(
        &self,
        condition: &str,
        value: &dyn rusqlite::ToSql,
        visit: &mut dyn FnMut(&Row<'_>),
    ) -> Result<(), ReadError> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {LISTED} FROM traces WHERE {condition}"))?;
        let mut rows = statement.query([value])?;
        while let Some(row) = rows.next()? {
            let listed = Listed::read(row)?;
            if self.inner.index.get(listed.id).is_none()
                && let Some(listed) = self.corrected(listed)?
            {
                visit(&listed.row());
            }
        }
        Ok(())
    }
}

impl Listed {
    fn row(&self) -> Row<'_> {
        Row {
            id: self.id,
            turn: self.turn,
            facts: &self.facts,
            spans: self.spans,
            omitted_spans: self.omitted_spans,
        }
    }
}

impl View for SqliteView<'_> {
    fn newest(&self, before: u64, visit: &mut dyn FnMut(&Row<'_>) -> Flow) -> Result<(), ReadError> {
        let mut in_memory = self.inner.index.newest(before).peekable();
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT {LISTED} FROM traces WHERE turn < ?1 ORDER BY turn DESC"))?;
        let mut saved = statement.query([i64::try_from(before).unwrap_or(i64::MAX)])?;
        loop {
            let listed = saved.next()?.map(Listed::read).transpose()?;
            let turn = listed.as_ref().map_or(0, |listed| listed.turn);
            while let Some((id, entry)) = in_memory.next_if(|(_, entry)| entry.turn > turn) {
                if visit(&self.row(id, entry))?.is_break() {
                    return Ok(());
                }
            }
            let Some(listed) = listed else { return Ok(()) };
            if self.inner.index.get(listed.id).is_none()
                && let Some(listed) = self.corrected(listed)?
                && let ControlFlow::Break(()) = visit(&listed.row())?
            {
                return Ok(());
            }
        }
    }

    fn of_session(&self, session: &str, visit: &mut dyn FnMut(&Row<'_>)) -> Result<(), ReadError> {
        self.inner.index.of_session(session).for_each(|(id, entry)| visit(&self.row(id, entry)));
        self.visit_saved("session = ?1", &session, visit)
    }

    fn one(&self, id: TraceId, visit: &mut dyn FnMut(&Row<'_>)) -> Result<(), ReadError> {
        match self.inner.index.get(id) {
            Some(entry) => visit(&self.row(id, entry)),
            None => self.visit_saved("id = ?1", &id.to_bytes(), visit)?,
        }
        Ok(())
    }

    fn request_of(&self, id: TraceId) -> Result<Option<Vec<u8>>, ReadError> {
        let saved;
        let chunks: Vec<&Chunk> = match self.inner.index.get(id) {
            Some(entry) => entry.chunks.iter().collect(),
            None => match rows::chunks(&self.connection, id)? {
                Some(chunks) => {
                    saved = chunks;
                    saved.iter().collect()
                }
                None => return Ok(None),
            },
        };
        let mut request = Vec::new();
        let mut parts = HashMap::new();
        for chunk in chunks.into_iter().filter(|chunk| chunk.batch >= self.inner.oldest) {
            let (local, bytes) = read_chunk(&self.connection, chunk, &mut parts)?;
            local.write_request(&bytes, &mut request);
        }
        Ok(Some(request).filter(|request| !request.is_empty()))
    }
}

/// The bytes that `chunk` names, and the chunk as it would be if the request had nothing else.
fn read_chunk<'c>(
    connection: &'c Connection,
    chunk: &Chunk,
    open: &mut HashMap<u64, Blob<'c>>,
) -> Result<(Chunk, Vec<u8>), ReadError> {
    // Spans of a trace come from few requests in turn, so one open at a time is enough.
    if !open.contains_key(&chunk.batch) {
        open.clear();
        let blob = connection.blob_open(MAIN_DB, "requests", "request", chunk.batch as i64, true)?;
        open.insert(chunk.batch, blob);
    }
    let mut bytes = Vec::new();
    let Some(blob) = open.get(&chunk.batch) else { return Ok((chunk.clone(), bytes)) };
    let mut take = |runs: &[Run]| {
        let mut local = Vec::with_capacity(runs.len());
        for run in runs {
            let start = bytes.len();
            bytes.resize(start + run.len as usize, 0);
            let to = bytes.get_mut(start..).unwrap_or_default();
            blob.read_at_exact(to, run.start as usize)?;
            local.push(Run { start: start as u32, len: run.len });
        }
        Ok::<_, rusqlite::Error>(local)
    };
    let header = crate::store::chunk::Header {
        resource: take(&chunk.header.resource)?,
        scope: take(&chunk.header.scope)?,
    };
    let local =
        Chunk { batch: chunk.batch, spans: chunk.spans, runs: take(&chunk.runs)?, header: header.into() };
    Ok((local, bytes))
}
