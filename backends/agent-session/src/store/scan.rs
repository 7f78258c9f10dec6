//! A request checked whole and taken apart in one pass: where the spans of each trace are, and what they say.

use std::collections::HashMap;
use std::sync::Arc;

use tracer_factory_core::ids::{SpanId, TraceId};
use tracer_factory_core::otlp::{DecodeError, Reader};

use super::attributes::{Attributes, Key};
use super::chunk::{Header, Run, SPANS};
use super::facts::{Facts, ResourceFacts, SpanFields, cut};
use super::fingerprint::FingerprintKey;
use super::schema;

/// Spans of one trace that arrived together under one header.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) trace_id: TraceId,
    pub(super) header: Arc<Header>,
    pub(super) facts: Facts,
    pub(super) runs: Vec<Run>,
    /// One for each span.
    pub(super) prints: Vec<u64>,
}

/// A request that is well-formed.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) groups: Vec<Group>,
    /// Spans in them.
    pub(super) spans: u64,
    /// Spans without a valid identifier.
    pub(super) rejected: u64,
}

/// Checks `request` whole and sorts its spans by trace.
pub(super) fn scan(request: &[u8], key: FingerprintKey) -> Result<Scanned, DecodeError> {
    let mut scan = Scan { request, key, names: Names::default(), scanned: Scanned::default() };
    let mut reader = Reader::new(request);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            let message = field.bytes(number)?;
            scan.resource_spans(message, request.len() - reader.rest().len() - message.len())?;
        }
    }
    Ok(scan.scanned)
}

impl Group {
    /// The same without the spans that `keep` says no to. `request` is the one it came in.
    pub(super) fn retain(
        &self,
        request: &[u8],
        mut keep: impl FnMut(u64) -> bool,
    ) -> Result<Self, DecodeError> {
        let mut resource = Attributes::default();
        for run in &self.header.resource {
            let mut resource_spans = Reader::new(run.of(request));
            while let Some((number, field)) = resource_spans.field()? {
                if number == 1 {
                    each_attribute(field.bytes(number)?, 1, &mut resource)?;
                }
            }
        }
        let resource = ResourceFacts::of(&resource);
        let mut names = Names::default();
        let mut attributes = Attributes::default();
        let mut kept = Self {
            trace_id: self.trace_id,
            header: Arc::clone(&self.header),
            facts: Facts::default(),
            runs: Vec::new(),
            prints: Vec::new(),
        };
        let mut prints = self.prints.iter();
        for run in &self.runs {
            let mut reader = Reader::new(run.of(request));
            let mut start = run.start;
            while let Some((number, field)) = reader.field()? {
                let end = run.start + run.len - reader.rest().len() as u32;
                let print = prints.next().copied().unwrap_or_default();
                if keep(print) {
                    let Span { fields, .. } = span_fields(field.bytes(number)?, &mut attributes)?;
                    let name = names.shared(fields.name);
                    kept.facts.add(&fields, &name, &attributes, &resource);
                    kept.prints.push(print);
                    Run::push(&mut kept.runs, Run { start, len: end - start });
                }
                start = end;
            }
        }
        Ok(kept)
    }
}

struct Scan<'a> {
    request: &'a [u8],
    key: FingerprintKey,
    names: Names,
    scanned: Scanned,
}

impl<'a> Scan<'a> {
    /// `at` is where `message` starts in the request.
    fn resource_spans(&mut self, message: &'a [u8], at: usize) -> Result<(), DecodeError> {
        // The resource may follow its spans, so the fields are sorted first.
        let (mut header, mut scopes, mut attributes) = (Vec::new(), Vec::new(), Attributes::default());
        let mut reader = Reader::new(message);
        let mut start = at;
        while let Some((number, field)) = reader.field()? {
            let end = at + message.len() - reader.rest().len();
            match number {
                1 => {
                    let resource = field.bytes(number)?;
                    schema::RESOURCE.check(resource)?;
                    each_attribute(resource, 1, &mut attributes)?;
                }
                2 => {
                    let scope = field.bytes(number)?;
                    scopes.push((scope, end - scope.len()));
                }
                3 => drop(field.text(number)?),
                _ => {}
            }
            if number != 2 {
                Run::push(&mut header, run(start, end));
            }
            start = end;
        }
        let facts = ResourceFacts::of(&attributes);
        let seed = header.iter().fold(0, |seed, run| self.key.of(seed, run.of(self.request)));
        for (scope, at) in scopes {
            self.scope_spans(scope, at, &header, &facts, seed)?;
        }
        Ok(())
    }

    fn scope_spans(
        &mut self,
        message: &'a [u8],
        at: usize,
        resource: &[Run],
        resource_facts: &ResourceFacts,
        seed: u64,
    ) -> Result<(), DecodeError> {
        let (mut header, mut spans) = (Vec::new(), Vec::new());
        let mut reader = Reader::new(message);
        let mut start = at;
        while let Some((number, field)) = reader.field()? {
            let end = at + message.len() - reader.rest().len();
            match number {
                1 => schema::SCOPE.check(field.bytes(number)?)?,
                SPANS => spans.push((field.bytes(number)?, run(start, end))),
                3 => drop(field.text(number)?),
                _ => {}
            }
            if number != SPANS {
                Run::push(&mut header, run(start, end));
            }
            start = end;
        }
        let seed = header.iter().fold(seed, |seed, run| self.key.of(seed, run.of(self.request)));
        let header = Arc::new(Header { resource: resource.to_vec(), scope: header });
        let mut by_trace: HashMap<TraceId, usize> = HashMap::new();
        let mut attributes = Attributes::default();
        let mut latest: Option<usize> = None;
        for (span, run) in spans {
            let read = span_fields(span, &mut attributes)?;
            let (Some(trace_id), true) = (read.trace_id, read.has_span_id) else {
                self.scanned.rejected += 1;
                continue;
            };
            let groups = &mut self.scanned.groups;
            // Most spans follow one of their own trace.
            let same = latest.filter(|at| groups.get(*at).is_some_and(|group| group.trace_id == trace_id));
            let at = same.unwrap_or_else(|| {
                *by_trace.entry(trace_id).or_insert_with(|| {
                    groups.push(Group {
                        trace_id,
                        header: Arc::clone(&header),
                        facts: Facts::default(),
                        runs: Vec::new(),
                        prints: Vec::new(),
                    });
                    groups.len() - 1
                })
            });
            latest = Some(at);
            let Some(group) = groups.get_mut(at) else { continue };
            let name = self.names.shared(read.fields.name);
            group.facts.add(&read.fields, &name, &attributes, resource_facts);
            group.prints.push(self.key.of(seed, span));
            Run::push(&mut group.runs, run);
            self.scanned.spans += 1;
        }
        Ok(())
    }
}

/// Requests have an upper limit far below what these numbers hold.
fn run(start: usize, end: usize) -> Run {
    Run { start: start as u32, len: (end - start) as u32 }
}

/// What was read of a span.
#[derive(Default)]
struct Span<'a> {
    trace_id: Option<TraceId>,
    has_span_id: bool,
    fields: SpanFields<'a>,
}

/// Checks a span down to its last value, and reads what lists and filters need of it.
fn span_fields<'a>(message: &'a [u8], attributes: &mut Attributes<'a>) -> Result<Span<'a>, DecodeError> {
    attributes.clear();
    let mut span = Span { fields: SpanFields { is_root: true, ..SpanFields::default() }, ..Span::default() };
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => span.trace_id = TraceId::from_slice(field.bytes(number)?).filter(|id| id.is_valid()),
            2 => {
                span.has_span_id = SpanId::from_slice(field.bytes(number)?).is_some_and(|id| id.is_valid());
            }
            4 => {
                let parent = SpanId::from_slice(field.bytes(number)?);
                span.fields.is_root = !parent.is_some_and(|id| id.is_valid());
            }
            5 => span.fields.name = field.text(number)?,
            7 => span.fields.start = field.fixed64(number)?,
            8 => span.fields.end = field.fixed64(number)?,
            9 => attribute(field.bytes(number)?, attributes)?,
            15 => {
                let status = field.bytes(number)?;
                schema::SPAN.check_field(number, field)?;
                span.fields.is_error = is_error(status, span.fields.is_error)?;
            }
            _ => schema::SPAN.check_field(number, field)?,
        }
    }
    Ok(span)
}

/// Whether a checked `Status` says so; one that says nothing leaves what another one said.
fn is_error(status: &[u8], before: bool) -> Result<bool, DecodeError> {
    let mut is_error = before;
    let mut reader = Reader::new(status);
    while let Some((number, field)) = reader.field()? {
        if number == 3 {
            is_error = field.varint(number)? == 2;
        }
    }
    Ok(is_error)
}

/// Checks a `KeyValue`, and remembers it if its name means something.
fn attribute<'a>(message: &'a [u8], attributes: &mut Attributes<'a>) -> Result<(), DecodeError> {
    let (mut name, mut value) = ("", None);
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => name = field.text(number)?,
            2 => {
                let bytes = field.bytes(number)?;
                schema::ANY_VALUE.check_below(bytes, 2)?;
                value = Some(bytes);
            }
            _ => schema::KEY_VALUE.check_field(number, field)?,
        }
    }
    if let (Some(key), Some(value)) = (Key::named(name), value) {
        attributes.push(key, value);
    }
    Ok(())
}

/// The attributes in the field `at` of a message.
fn each_attribute<'a>(
    message: &'a [u8],
    at: u32,
    attributes: &mut Attributes<'a>,
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.field()? {
        if number == at {
            attribute(field.bytes(number)?, attributes)?;
        }
    }
    Ok(())
}

/// Names of spans come again and again within a request: each is one allocation.
#[derive(Default)]
struct Names(Vec<Option<Arc<str>>>);

impl Names {
    const SLOTS: usize = 64;

    fn shared(&mut self, name: &str) -> Arc<str> {
        let name = cut(name);
        if self.0.is_empty() {
            self.0.resize(Self::SLOTS, None);
        }
        let bytes = name.as_bytes();
        let ends = bytes.iter().rev().take(4).fold(bytes.len(), |sum, byte| sum * 31 + usize::from(*byte));
        let Some(slot) = self.0.get_mut(ends % Self::SLOTS) else { return name.into() };
        match slot {
            Some(known) if **known == *name => Arc::clone(known),
            _ => Arc::clone(slot.insert(name.into())),
        }
    }
}
