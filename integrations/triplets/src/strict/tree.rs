//! The tree of the spans, by their parents' identifiers alone.

use std::collections::HashMap;

use crate::error::Error;
use crate::record::Record;

/// An identifier of a span, as a small number; spans that share one share it.
pub(crate) type Id = usize;
/// A place in the tree; a span whose identifier came twice has several.
pub(crate) type NodeIndex = usize;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: Id,
    /// The span; none for what stands for a missing parent, and for the root over several roots.
    pub(crate) record: Option<usize>,
    pub(crate) start: Option<f64>,
    pub(crate) end: Option<f64>,
    pub(crate) children: Vec<NodeIndex>,
}

pub(crate) struct Tree<'a> {
    records: &'a [Record<'a>],
    ids: Vec<&'a str>,
    nodes: Vec<Node>,
    pub(crate) root: NodeIndex,
    nothing: Record<'a>,
}

impl<'a> Tree<'a> {
    pub(crate) fn of(records: &'a [Record<'a>]) -> Result<Self, Error> {
        if records.is_empty() {
            return Err(Error::NoSpans);
        }
        let mut forward = Forward::default();
        for (index, record) in records.iter().enumerate() {
            let id = forward.id(&record.span_id);
            // The last span with an identifier is the one that counts.
            forward.span_of[id] = Some(index);
            match &record.parent_id {
                None => forward.roots.push(id),
                Some(parent) => {
                    let parent = forward.id(parent);
                    forward.children_of[parent].push(id);
                }
            }
        }
        let missing = (0..forward.ids.len()).filter(|id| forward.span_of[*id].is_none());
        let mut missing: Vec<Id> = missing.collect();
        forward.roots.append(&mut missing);
        let mut tree = Self { records, ids: Vec::new(), nodes: Vec::new(), root: 0, nothing: nothing() };
        let limit = records.len().saturating_mul(4).saturating_add(1 << 16);
        let mut roots = Vec::with_capacity(forward.roots.len());
        for root in &forward.roots {
            roots.push(tree.grow(&forward, *root, limit)?);
        }
        tree.ids = forward.ids;
        tree.root = match roots.as_slice() {
            [] => return Err(Error::NoRoot),
            [root] => *root,
            [first, .., last] => {
                let (start, end) = (tree.nodes[*first].start, tree.nodes[*last].end);
                tree.ids.push("virtual-root");
                let id = tree.ids.len() - 1;
                tree.push(Node { id, record: None, start, end, children: roots })
            }
        };
        Ok(tree)
    }

    fn push(&mut self, node: Node) -> NodeIndex {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The tree below `top`. No recursion: a trace may be as deep as it likes.
    fn grow(&mut self, forward: &Forward<'_>, top: Id, limit: usize) -> Result<NodeIndex, Error> {
        let mut open: Vec<(Id, Vec<NodeIndex>)> = vec![(top, Vec::new())];
        let mut is_open = vec![false; forward.ids.len()];
        is_open[top] = true;
        loop {
            // `children` has one entry for each child that is done.
            let Some((id, children)) = open.last() else { return Err(Error::NoRoot) };
            if let Some(child) = forward.children_of[*id].get(children.len()).copied() {
                if is_open[child] {
                    return Err(Error::Cycle { span: forward.ids[child].to_owned() });
                }
                is_open[child] = true;
                open.push((child, Vec::new()));
                continue;
            }
            let Some((id, children)) = open.pop() else { return Err(Error::NoRoot) };
            is_open[id] = false;
            if self.nodes.len() >= limit {
                return Err(Error::Tangled { nodes: limit });
            }
            let record = forward.span_of[id];
            let (start, end) = match record.and_then(|record| self.records.get(record)) {
                Some(record) => (record.start, record.end),
                None => self.spanning(&children, forward.ids[id])?,
            };
            let node = self.push(Node { id, record, start, end, children });
            match open.last_mut() {
                Some((_, siblings)) => siblings.push(node),
                None => return Ok(node),
            }
        }
    }

    /// From the first start to the last end, as far as they are known.
    fn spanning(&self, children: &[NodeIndex], id: &str) -> Result<(Option<f64>, Option<f64>), Error> {
        let starts = children.iter().filter_map(|child| self.nodes[*child].start);
        let ends = children.iter().filter_map(|child| self.nodes[*child].end);
        let missing = |which| Error::MissingTime { span: id.to_owned(), which };
        let start = starts.reduce(f64::min).ok_or_else(|| missing("start"))?;
        let end = ends.reduce(f64::max).ok_or_else(|| missing("end"))?;
        Ok((Some(start), Some(end)))
    }

    pub(crate) fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index]
    }

    pub(crate) fn node_mut(&mut self, index: NodeIndex) -> &mut Node {
        &mut self.nodes[index]
    }

    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn id_text(&self, id: Id) -> &'a str {
        self.ids.get(id).copied().unwrap_or_default()
    }

    /// The node's identifier, for errors.
    pub(crate) fn span(&self, index: NodeIndex) -> String {
        self.id_text(self.node(index).id).to_owned()
    }

    /// The span; what has none of its own has one without attributes.
    pub(crate) fn record_of(&self, node: &Node) -> &Record<'a> {
        node.record.and_then(|record| self.records.get(record)).unwrap_or(&self.nothing)
    }

    pub(crate) fn name(&self, node: &Node) -> &'a str {
        match node.record.and_then(|record| self.records.get(record)) {
            Some(record) => record.name,
            None if self.id_text(node.id) == "virtual-root" => "virtual-root",
            None => "agentlightning.virtual",
        }
    }

    /// The node's trace, or that of the first span below it that has one.
    pub(crate) fn trace_id(&self, index: NodeIndex) -> String {
        let below = self.preorder(index).into_iter();
        let record = below.filter_map(|node| self.node(node).record).next();
        record
            .and_then(|record| self.records.get(record))
            .map(|record| record.trace_id.to_string())
            .unwrap_or_default()
    }

    /// `from` and what is below it, parents first.
    pub(crate) fn preorder(&self, from: NodeIndex) -> Vec<NodeIndex> {
        let (mut order, mut open) = (Vec::new(), vec![from]);
        while let Some(index) = open.pop() {
            order.push(index);
            open.extend(self.node(index).children.iter().rev());
        }
        order
    }
}

/// Who is whose child, before there is a tree.
#[derive(Default)]
struct Forward<'a> {
    ids: Vec<&'a str>,
    known: HashMap<&'a str, Id>,
    children_of: Vec<Vec<Id>>,
    span_of: Vec<Option<usize>>,
    roots: Vec<Id>,
}

impl<'a> Forward<'a> {
    fn id(&mut self, text: &'a str) -> Id {
        let next = self.ids.len();
        let id = *self.known.entry(text).or_insert(next);
        if id == next {
            self.ids.push(text);
            self.children_of.push(Vec::new());
            self.span_of.push(None);
        }
        id
    }
}

fn nothing() -> Record<'static> {
    Record {
        trace_id: "".into(),
        span_id: "".into(),
        parent_id: None,
        name: "",
        attributes: Vec::new(),
        resource: &[],
        events: &[],
        links: Vec::new(),
        start: None,
        end: None,
        start_nanos: None,
        end_nanos: None,
        attempt: None,
        sequence: None,
    }
}
