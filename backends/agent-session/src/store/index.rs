//! The traces in memory: by identifier, by when they last got a span, and by session.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::DecodeError;

use super::entry::Entry;
use super::scan::Group;

#[derive(Debug, Default)]
pub(super) struct Index {
    entries: HashMap<TraceId, Entry>,
    order: BTreeMap<u64, TraceId>,
    sessions: HashMap<Arc<str>, BTreeSet<TraceId>>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, id: TraceId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// Adds what is new in `group` to its trace, forgetting first what is gone with the batches before `oldest`.
    pub(super) fn add(
        &mut self,
        group: Group,
        request: &[u8],
        (batch, oldest): (u64, u64),
        turn: u64,
    ) -> Result<u64, DecodeError> {
        let id = group.trace_id;
        let entry = self.entries.entry(id).or_default();
        let (last_turn, session) = (entry.turn, entry.facts.session().cloned());
        entry.prune(oldest);
        let added = entry.add(group, request, batch, turn);
        let is_empty = entry.chunks.is_empty();
        let (turn, now) = (entry.turn, entry.facts.session().cloned());
        if is_empty {
            // Nothing of it was stored, or all that was is gone.
            self.remove(id);
            return added;
        }
        if turn != last_turn || !self.order.contains_key(&turn) {
            self.order.remove(&last_turn);
            self.order.insert(turn, id);
        }
        if session != now {
            self.leave(session.as_ref(), id);
            self.join(now, id);
        }
        added
    }

    /// Puts a trace there as it is.
    pub(super) fn insert(&mut self, id: TraceId, entry: Entry) {
        self.remove(id);
        self.order.insert(entry.turn, id);
        self.join(entry.facts.session().cloned(), id);
        self.entries.insert(id, entry);
    }

    pub(super) fn remove(&mut self, id: TraceId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if self.order.get(&entry.turn) == Some(&id) {
            self.order.remove(&entry.turn);
        }
        self.leave(entry.facts.session(), id);
        Some(entry)
    }

    /// Removes the traces that got no span since `turn`, and says how many that were.
    pub(super) fn expire(&mut self, turn: u64) -> usize {
        let mut expired = 0;
        while let Some((first, id)) = self.order.first_key_value().map(|(first, id)| (*first, *id))
            && first < turn
        {
            self.remove(id);
            self.order.remove(&first);
            expired += 1;
        }
        expired
    }

    /// Traces whose last span came before `turn`, the newest first.
    pub(super) fn newest(&self, turn: u64) -> impl Iterator<Item = (TraceId, &Entry)> {
        self.order.range(..turn).rev().filter_map(|(_, id)| Some((*id, self.entries.get(id)?)))
    }

    pub(super) fn of_session(&self, session: &str) -> impl Iterator<Item = (TraceId, &Entry)> {
        let ids = self.sessions.get(session).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.entries.get(id)?)))
    }

    fn join(&mut self, session: Option<Arc<str>>, id: TraceId) {
        if let Some(session) = session {
            self.sessions.entry(session).or_default().insert(id);
        }
    }

    fn leave(&mut self, session: Option<&Arc<str>>, id: TraceId) {
        let Some(session) = session else { return };
        let Some(ids) = self.sessions.get_mut(session) else { return };
        ids.remove(&id);
        if ids.is_empty() {
            self.sessions.remove(session);
        }
    }
}
