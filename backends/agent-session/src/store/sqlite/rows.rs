//! Traces as rows.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tracer_factory_core::ids::TraceId;

use crate::store::chunk::{Chunk, take_varint, varint};
use crate::store::entry::Entry;
use crate::store::facts::Facts;

/// The columns that [`Listed::read`] reads.
pub(super) const LISTED: &str = "turn, id, first_batch, spans, omitted_spans, facts";

/// A trace as lists need it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) turn: u64,
    pub(super) id: TraceId,
    pub(super) first_batch: u64,
    pub(super) spans: u64,
    pub(super) omitted_spans: u64,
    pub(super) facts: Facts,
}

impl Listed {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let id: [u8; 16] = row.get(1)?;
        let facts = serde_json::from_str(row.get_ref(5)?.as_str()?);
        Ok(Self {
            turn: number(row, 0)?,
            id: TraceId::from_bytes(id),
            first_batch: number(row, 2)?,
            spans: number(row, 3)?,
            omitted_spans: number(row, 4)?,
            facts: facts.map_err(|error| unreadable(5, error))?,
        })
    }
}

/// A column that is never negative.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| number as u64)
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

#[derive(Debug, thiserror::Error)]
#[error("the places of a trace's spans are cut off")]
struct CutOff;

/// The trace with all that is known of it.
pub(super) fn load(connection: &Connection, id: TraceId) -> rusqlite::Result<Option<Entry>> {
    let mut statement = connection.prepare_cached(
        "SELECT turn, id, first_batch, spans, omitted_spans, facts, chunks FROM traces WHERE id = ?1",
    )?;
    let read = |row: &Row<'_>| {
        let Listed { turn, spans, omitted_spans, facts, .. } = Listed::read(row)?;
        let mut entry = Entry { turn, facts, spans, omitted_spans, ..Entry::default() };
        decode(row.get_ref(6)?.as_blob()?, &mut entry).ok_or_else(|| unreadable(6, CutOff))?;
        Ok(entry)
    };
    statement.query_row([id.to_bytes()], read).optional()
}

/// The places of a trace's spans.
pub(super) fn chunks(connection: &Connection, id: TraceId) -> rusqlite::Result<Option<Vec<Chunk>>> {
    let entry = load(connection, id)?;
    Ok(entry.map(|entry| entry.chunks.into()))
}

/// Writes a trace in the place of what was there of it.
pub(super) fn save(connection: &Connection, id: TraceId, entry: &Entry) -> rusqlite::Result<()> {
    let facts = serde_json::to_string(&entry.facts)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let first_batch = entry.chunks.front().map_or(0, |chunk| chunk.batch);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO traces (turn, id, session, first_batch, spans, omitted_spans, facts, chunks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            entry.turn as i64,
            id.to_bytes(),
            entry.facts.session().map(|session| &**session),
            first_batch as i64,
            entry.spans as i64,
            entry.omitted_spans as i64,
            facts,
            encode(entry),
        ])?;
    Ok(())
}

/// Chunks, then fingerprints.
fn encode(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entry.chunks.len() * 24 + entry.prints.iter().len() * 8);
    varint(&mut bytes, entry.chunks.len() as u64);
    for chunk in &entry.chunks {
        chunk.encode(&mut bytes);
    }
    for print in entry.prints.iter() {
        bytes.extend_from_slice(&print.to_le_bytes());
    }
    bytes
}

fn decode(mut bytes: &[u8], entry: &mut Entry) -> Option<()> {
    for _ in 0..take_varint(&mut bytes)? {
        entry.chunks.push_back(Chunk::decode(&mut bytes)?);
    }
    let (prints, rest) = bytes.as_chunks::<8>();
    for print in prints {
        entry.prints.insert(u64::from_le_bytes(*print));
    }
    rest.is_empty().then_some(())
}
