// Spans as a tree, whatever their senders made of it: parents may be missing, or go round in circles.

import { facts } from "./facts.js";

/** The trace's tree: nodes in the order of a waterfall. Nothing here recurses, since traces can be deep. */
export function treeOf(spans) {
  const nodes = spans.map((span) => ({ span, facts: facts(span), children: [], parent: null, depth: 0, critical: [] }));
  const byId = new Map();
  for (const node of nodes) if (!byId.has(node.span.id)) byId.set(node.span.id, node);
  for (const node of nodes) {
    const parent = node.span.parentId ? byId.get(node.span.parentId) : null;
    if (parent && parent !== node) node.parent = parent;
  }
  cutCircles(nodes);
  const roots = [];
  for (const node of nodes) (node.parent ? node.parent.children : roots).push(node);
  const earliest = (a, b) => (a.span.start < b.span.start ? -1 : a.span.start > b.span.start ? 1 : 0);
  roots.sort(earliest);
  for (const node of nodes) node.children.sort(earliest);

  const order = [];
  const pending = roots.slice().reverse();
  while (pending.length) {
    const node = pending.pop();
    node.index = order.length;
    node.depth = node.parent ? node.parent.depth + 1 : 0;
    order.push(node);
    for (let at = node.children.length - 1; at >= 0; at--) pending.push(node.children[at]);
  }

  const start = nodes.reduce((least, { span }) => (span.start < least ? span.start : least), nodes[0]?.span.start ?? 0n);
  const end = nodes.reduce((most, { span }) => (span.end > most ? span.end : most), start);
  for (const node of order) {
    node.from = Number(node.span.start - start);
    node.to = Number(node.span.end - start);
  }
  const tree = { order, roots, byId, start, length: Math.max(Number(end - start), 1) };
  markDescendants(order);
  if (roots.length) markCritical(roots.reduce((longest, root) => (root.to > longest.to ? root : longest)));
  return tree;
}

/** Whoever is their own ancestor becomes a root. */
function cutCircles(nodes) {
  const settled = new Set();
  for (const first of nodes) {
    const walk = new Set();
    let node = first;
    while (node && !settled.has(node)) {
      if (walk.has(node)) {
        node.parent = null;
        break;
      }
      walk.add(node);
      node = node.parent;
    }
    for (const walked of walk) settled.add(walked);
  }
}

function markDescendants(order) {
  for (let at = order.length - 1; at >= 0; at--) {
    const node = order[at];
    node.descendants = node.children.reduce((sum, child) => sum + child.descendants + 1, 0);
    node.errorsBelow = node.children.reduce((sum, child) => sum + child.errorsBelow + (child.span.error ? 1 : 0), 0);
  }
}

/** The pieces of time that decided when the root ended: of each span, what none of its children explains. */
function markCritical(root) {
  const pending = [[root, root.to]];
  while (pending.length) {
    const [node, until] = pending.pop();
    let at = Math.min(until, node.to);
    const byEnd = node.children.slice().sort((a, b) => b.to - a.to);
    for (const child of byEnd) {
      if (child.from >= at || child.from < node.from) continue;
      const end = Math.min(child.to, at);
      if (end < at) node.critical.push([end, at]);
      pending.push([child, end]);
      at = child.from;
    }
    if (at > node.from) node.critical.push([node.from, at]);
  }
}

/** A node and all below it, as the waterfall has them. */
export function subtree(tree, node) {
  return tree.order.slice(node.index, node.index + node.descendants + 1);
}
