//! Questions that both kinds of storage answer alike: lists, sessions, facets, over traces from the newest to the oldest.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::{DecodeError, Reader};

use super::chunk::SPANS;
use super::facts::Facts;
use super::filter::{Filter, Verdict, contains, mentions};
use super::session::Session;
use crate::api::{Facets, SessionList, SessionQuery, SessionTraces, TraceList, TraceQuery, TraceSummary};

/// The most that one answer lists.
const MOST_LISTED: usize = 10_000;
/// Facets are counted over this many of the newest traces.
const FACET_TRACES: usize = 10_000;
const MOST_FACETS: usize = 200;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Not one of ours.
    #[error("{0:?} is no cursor: before takes what the last answer gave as next")]
    Cursor(String),
    /// What is stored can't be read.
    #[error("the stored traces can't be read: {0}")]
    Storage(String),
}

impl From<DecodeError> for ReadError {
    fn from(error: DecodeError) -> Self {
        // Requests are checked whole before they are stored.
        Self::Storage(error.to_string())
    }
}

/// A trace, as far as lists go.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: TraceId,
    /// When it last got a span: its place in lists.
    pub(super) turn: u64,
    pub(super) facts: &'a Facts,
    pub(super) spans: u64,
    pub(super) omitted_spans: u64,
}

impl Row<'_> {
    pub(super) fn summary(&self) -> TraceSummary {
        self.facts.summary(self.id, self.spans, self.omitted_spans)
    }

    /// What it says, or a session of its own.
    pub(super) fn session_id(&self) -> String {
        self.facts.session().map_or_else(|| self.id.to_string(), |session| session.to_string())
    }

    pub(super) fn is_of_session(&self, session: &str) -> bool {
        match self.facts.session() {
            Some(own) => **own == *session,
            None => session.parse() == Ok(self.id),
        }
    }
}

/// What stops or goes on, or failed.
pub(super) type Flow = Result<ControlFlow<()>, ReadError>;

/// Stored traces, the same during one question.
pub(super) trait View {
    /// Visits the traces that got no span since `before`, the newest first.
    fn newest(&self, before: u64, visit: &mut dyn FnMut(&Row<'_>) -> Flow) -> Result<(), ReadError>;

    /// Visits the traces of a session, in any order.
    fn of_session(&self, session: &str, visit: &mut dyn FnMut(&Row<'_>)) -> Result<(), ReadError>;

    /// One trace.
    fn one(&self, id: TraceId, visit: &mut dyn FnMut(&Row<'_>)) -> Result<(), ReadError>;

    /// A whole trace as an `ExportTraceServiceRequest`.
    fn request_of(&self, id: TraceId) -> Result<Option<Vec<u8>>, ReadError>;
}

pub(super) fn list(view: &impl View, query: &TraceQuery) -> Result<TraceList, ReadError> {
    let filter = Filter::new(query);
    let limit = query.limit.min(MOST_LISTED);
    let mut page = Page::new(query.before.as_deref(), limit)?;
    // A session is found by an index of its own.
    if let Some(session) = &query.session_id {
        let before = page.before;
        let mut rows: Vec<(u64, TraceSummary)> = Vec::new();
        let mut undecided = Vec::new();
        traces_of(view, session, &mut |row| {
            if row.turn < before {
                match filter.verdict(row) {
                    Verdict::Yes => rows.push((row.turn, row.summary())),
                    Verdict::AskNames => undecided.push(row.id),
                    Verdict::No => {}
                }
            }
        })?;
        for id in undecided {
            let request = view.request_of(id)?.unwrap_or_default();
            let mut found = Ok(None);
            view.one(id, &mut |row| {
                found = filter
                    .by_names(row, |visit| each_name(&request, visit))
                    .map(|yes| yes.then(|| (row.turn, row.summary())));
            })?;
            rows.extend(found?);
        }
        rows.sort_unstable_by_key(|(turn, _)| std::cmp::Reverse(*turn));
        for (turn, summary) in rows {
            if page.add(turn, summary).is_break() {
                break;
            }
        }
        return Ok(page.into_list());
    }
    if limit == 0 {
        return Ok(page.into_list());
    }
    let before = page.before;
    view.newest(before, &mut |row| {
        let listed = match filter.verdict(row) {
            Verdict::Yes => true,
            Verdict::No => false,
            Verdict::AskNames => {
                let request = view.request_of(row.id)?.unwrap_or_default();
                filter.by_names(row, |visit| each_name(&request, visit))?
            }
        };
        Ok(if listed { page.add(row.turn, row.summary()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(page.into_list())
}

/// Visits the traces of a session; one that no trace names may be a trace of its own.
fn traces_of(view: &impl View, session: &str, visit: &mut dyn FnMut(&Row<'_>)) -> Result<(), ReadError> {
    view.of_session(session, visit)?;
    if let Ok(id) = session.parse::<TraceId>() {
        view.one(id, &mut |row| {
            if row.facts.session().is_none() {
                visit(row);
            }
        })?;
    }
    Ok(())
}

/// What changed since `turn`, the newest first; and the newest turn of all.
pub(super) fn changes(
    view: &impl View,
    since: u64,
    limit: usize,
) -> Result<(Vec<TraceSummary>, u64), ReadError> {
    let (mut traces, mut newest) = (Vec::new(), since);
    view.newest(u64::MAX, &mut |row| {
        newest = newest.max(row.turn);
        if row.turn <= since || traces.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        traces.push(row.summary());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((traces, newest))
}

/// The newest traces' identifiers.
pub(super) fn newest_ids(view: &impl View, limit: usize) -> Result<Vec<TraceId>, ReadError> {
    let mut ids = Vec::new();
    view.newest(u64::MAX, &mut |row| {
        if ids.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        ids.push(row.id);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(ids)
}

pub(super) fn sessions(view: &impl View, query: &SessionQuery) -> Result<SessionList, ReadError> {
    let before = cursor(query.before.as_deref())?;
    let limit = query.limit.min(MOST_LISTED);
    let q = query.q.as_deref().filter(|q| !q.is_empty()).map(str::to_lowercase);
    let (mut sessions, mut next, mut last) = (Vec::new(), None::<u64>, 0);
    let mut seen = HashSet::new();
    if limit == 0 {
        return Ok(SessionList { sessions, next: None });
    }
    view.newest(before, &mut |row| {
        let id = row.session_id();
        if !seen.insert(id.clone()) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut session = Session::new(id);
        let mut mentioned = q.as_ref().is_none_or(|q| contains(&session.id, q));
        let mut add = |row: &Row<'_>| {
            mentioned |= q.as_ref().is_some_and(|q| mentions(row.facts, q));
            session.add(row);
        };
        match row.facts.session() {
            Some(id) => view.of_session(id, &mut add)?,
            None => add(row),
        }
        // A session that got a span since was on an earlier page.
        if session.turn >= before || !mentioned {
            return Ok(ControlFlow::Continue(()));
        }
        let summary = session.summary();
        let has_tag = query.tag.as_ref().is_none_or(|tag| summary.tags.contains(tag));
        if !has_tag || query.project.as_ref().is_some_and(|project| summary.project != *project) {
            return Ok(ControlFlow::Continue(()));
        }
        if sessions.len() == limit {
            next = Some(last);
            return Ok(ControlFlow::Break(()));
        }
        last = row.turn;
        sessions.push(summary);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(SessionList { sessions, next: next.map(|turn| turn.to_string()) })
}

pub(super) fn session(view: &impl View, id: &str) -> Result<Option<SessionTraces>, ReadError> {
    let mut session = Session::new(id.to_owned());
    let mut traces = Vec::new();
    traces_of(view, id, &mut |row| {
        session.add(row);
        traces.push((row.turn, row.summary()));
    })?;
    if traces.is_empty() {
        return Ok(None);
    }
    traces.sort_by_key(|(turn, trace)| (trace.start_unix_nanos, *turn));
    let traces = traces.into_iter().map(|(_, trace)| trace).collect();
    Ok(Some(SessionTraces { session: session.summary(), traces }))
}

pub(super) fn facets(view: &impl View) -> Result<Facets, ReadError> {
    let mut counts: [HashMap<String, usize>; 5] = Default::default();
    let mut left = FACET_TRACES;
    view.newest(u64::MAX, &mut |row| {
        let facts = row.facts;
        let [services, names, projects, kinds, tags] = &mut counts;
        for (counts, texts) in
            [(services, &facts.services[..]), (names, &facts.names[..]), (tags, facts.tags())]
        {
            for text in texts {
                count(counts, text);
            }
        }
        count(projects, facts.project());
        for word in facts.kinds.words() {
            count(kinds, word);
        }
        left -= 1;
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let [services, names, projects, kinds, tags] = counts.map(most_frequent);
    Ok(Facets { services, names, projects, kinds, tags })
}

fn count(counts: &mut HashMap<String, usize>, text: &str) {
    match counts.get_mut(text) {
        Some(count) => *count += 1,
        None => drop(counts.insert(text.to_owned(), 1)),
    }
}

fn most_frequent(counts: HashMap<String, usize>) -> Vec<String> {
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    counts.into_iter().take(MOST_FACETS).map(|(text, _)| text).collect()
}

/// The names of all spans of a stored request.
fn each_name(request: &[u8], visit: &mut dyn FnMut(&str)) -> Result<(), ReadError> {
    let mut requests = Reader::new(request);
    while let Some((number, field)) = requests.field()? {
        let mut resource_spans = Reader::new(if number == 1 { field.bytes(number)? } else { &[] });
        while let Some((number, field)) = resource_spans.field()? {
            let mut scope_spans = Reader::new(if number == 2 { field.bytes(number)? } else { &[] });
            while let Some((number, field)) = scope_spans.field()? {
                let mut span = Reader::new(if number == SPANS { field.bytes(number)? } else { &[] });
                while let Some((number, field)) = span.field()? {
                    if number == 5 {
                        visit(field.text(number)?);
                    }
                }
            }
        }
    }
    Ok(())
}

fn cursor(before: Option<&str>) -> Result<u64, ReadError> {
    let Some(text) = before.filter(|text| !text.is_empty()) else { return Ok(u64::MAX) };
    // Text and number are the same thing only without signs and leading zeros.
    let turn = text.parse::<u64>().ok().filter(|turn| turn.to_string() == text);
    turn.ok_or_else(|| ReadError::Cursor(text.chars().take(40).collect()))
}

/// One page of a list of traces.
struct Page {
    before: u64,
    limit: usize,
    traces: Vec<TraceSummary>,
    last: u64,
    more: bool,
}

impl Page {
    fn new(before: Option<&str>, limit: usize) -> Result<Self, ReadError> {
        Ok(Self { before: cursor(before)?, limit, traces: Vec::new(), last: 0, more: false })
    }

    fn add(&mut self, turn: u64, summary: TraceSummary) -> ControlFlow<()> {
        if self.traces.len() >= self.limit {
            self.more = self.limit > 0;
            return ControlFlow::Break(());
        }
        self.last = turn;
        self.traces.push(summary);
        ControlFlow::Continue(())
    }

    fn into_list(self) -> TraceList {
        TraceList { traces: self.traces, next: self.more.then(|| self.last.to_string()) }
    }
}
