// The waterfall: one row a span, of which only those in sight are in the document.

import { button, h, replace } from "./dom.js";
import { SIGNS } from "./facts.js";
import { cost, duration, hue, reward, tokens } from "./format.js";

const ROW = 28;
/** Rows drawn above and below those in sight. */
const MARGIN = 12;

/** A waterfall of a tree. `onSelect` hears which node was chosen, `onMove` which one the keys came to. */
export function waterfall(tree, onSelect, onMove) {
  const closed = new Set();
  let rows = tree.order;
  let selected = null;
  let matches = null;

  const inner = h("div", { class: "rows", role: "presentation" });
  const scroller = h("div", { class: "waterfall", role: "tree", tabindex: "0", "aria-label": "Spans by time", onscroll: () => draw(), onkeydown: onKey }, inner);
  const head = h("div", { class: "ruler", "aria-hidden": "true" },
    h("span", { class: "names" }, "span"),
    h("span", { class: "ticks" }, [0, 0.25, 0.5, 0.75, 1].map((part) => h("span", { vars: { "--at": `${part * 100}%` } }, duration(tree.length * part)))));
  const element = h("div", { class: "waterfall-frame" }, head, scroller);

  function layout() {
    rows = [];
    let skipBelow = Infinity;
    for (const node of tree.order) {
      if (node.depth > skipBelow) continue;
      skipBelow = closed.has(node) ? node.depth : Infinity;
      rows.push(node);
    }
    rows.forEach((node, at) => { node.row = at; });
    inner.style.height = `${rows.length * ROW}px`;
    draw();
  }

  function draw() {
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - MARGIN);
    const last = Math.min(rows.length, Math.ceil((scroller.scrollTop + (scroller.clientHeight || 600)) / ROW) + MARGIN);
    replace(inner, rows.slice(first, last).map(row));
    if (selected && selected.row >= first && selected.row < last) scroller.setAttribute("aria-activedescendant", `span-${selected.index}`);
    else scroller.removeAttribute("aria-activedescendant");
  }

  function row(node) {
    const { span, facts } = node;
    const open = !closed.has(node);
    const percent = (nanos) => `${(Math.max(0, nanos) / tree.length) * 100}%`;
    const words = [
      span.name || "(no name)", span.service, facts.kind, duration(node.to - node.from), span.error ? "failed" : null,
      facts.reward === null ? null : `reward ${reward(facts.reward)}`,
    ].filter(Boolean).join(", ");
    return h("div", {
      class: ["row", span.error && "error", node === selected && "selected", matches && !matches.has(node) && "faint"].filter(Boolean).join(" "),
      id: `span-${node.index}`,
      role: "treeitem",
      "aria-level": node.depth + 1,
      "aria-expanded": node.children.length ? String(open) : null,
      "aria-selected": String(node === selected),
      "aria-label": words,
      vars: { "--row": String(node.row), "--hue": String(hue(span.service)) },
      onclick: () => select(node, true),
    },
      h("span", { class: "names", vars: { "--depth": String(Math.min(node.depth, 24)) } },
        node.children.length
          ? h("button", { type: "button", class: "fold", tabindex: "-1", "aria-label": open ? "Fold" : "Unfold", onclick: (event) => { event.stopPropagation(); toggle(node); scroller.focus({ preventScroll: true }); } }, open ? "▾" : "▸")
          : h("span", { class: "fold" }),
        facts.kind ? h("span", { class: "sign", title: facts.kind }, SIGNS[facts.kind] ?? "•") : null,
        h("span", { class: "name" }, span.name || "(no name)"),
        span.error ? h("span", { class: "badge bad" }, "error") : null,
        facts.reward !== null ? h("span", { class: "badge reward" }, reward(facts.reward)) : null,
        h("span", { class: "service" }, span.service),
        !open && node.descendants ? h("span", { class: "badge" }, `+${node.descendants}`) : null,
        !open && node.errorsBelow ? h("span", { class: "badge bad" }, `${node.errorsBelow} failed`) : null,
        facts.input || facts.output ? h("span", { class: "badge", title: "tokens" }, tokens(facts.input, facts.output)) : null,
        facts.cost !== null ? h("span", { class: "badge", title: "cost" }, cost(facts.cost)) : null),
      h("span", { class: "track" },
        h("span", { class: "span-bar", vars: { "--from": percent(node.from), "--wide": percent(node.to - node.from) } }),
        node.critical.map(([from, to]) => h("span", { class: "critical", vars: { "--from": percent(from), "--wide": percent(to - from) } })),
        h("span", { class: `length ${sideOf(node)}`, vars: { "--from": percent(node.from), "--to": percent(node.to) } }, duration(node.to - node.from))));
  }

  /** Where the length stands: after its bar if there is room, else before it, else in it. */
  function sideOf(node) {
    if (node.to / tree.length < 0.82) return "right";
    return node.from / tree.length > 0.25 ? "left" : "inside";
  }

  function toggle(node, open = closed.has(node)) {
    if (!node.children.length) return;
    if (open) closed.delete(node); else closed.add(node);
    layout();
  }

  function select(node, tell) {
    selected = node;
    for (let above = node?.parent; above; above = above.parent) closed.delete(above);
    layout();
    if (node) reveal(node);
    if (tell) onSelect(node);
  }

  function reveal(node) {
    const top = node.row * ROW;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + ROW - scroller.clientHeight;
    draw();
  }

  function move(by) {
    if (!rows.length) return;
    const at = Math.min(rows.length - 1, Math.max(0, (selected ? selected.row : -1) + by));
    step(rows[at]);
  }

  function step(node) {
    select(node, false);
    onMove(node);
  }

  const KEYS = {
    ArrowDown: () => move(1), j: () => move(1),
    ArrowUp: () => move(-1), k: () => move(-1),
    PageDown: () => move(Math.max(1, Math.floor(scroller.clientHeight / ROW) - 1)),
    PageUp: () => move(-Math.max(1, Math.floor(scroller.clientHeight / ROW) - 1)),
    Home: () => move(-Infinity), End: () => move(Infinity),
    ArrowRight: () => { if (selected && closed.has(selected)) toggle(selected, true); else move(1); },
    ArrowLeft: () => { if (selected?.children.length && !closed.has(selected)) toggle(selected, false); else if (selected?.parent) step(selected.parent); },
    Enter: () => { if (selected) onSelect(selected); },
    " ": () => { if (selected) toggle(selected); },
    n: () => nextError(),
  };

  function onKey(event) {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("button")) return;
    event.preventDefault();
    act();
  }

  function nextError() {
    const from = selected ? selected.index + 1 : 0;
    const found = tree.order.slice(from).find(({ span }) => span.error) ?? tree.order.find(({ span }) => span.error);
    if (found) step(found);
  }

  new ResizeObserver(() => draw()).observe(scroller);
  layout();
  return {
    element,
    select: (node) => select(node, false),
    focus: () => scroller.focus(),
    /** Fades whatever does not match. */
    filter(test) {
      matches = test ? new Set(tree.order.filter(test)) : null;
      draw();
      return matches ? matches.size : tree.order.length;
    },
    foldAll(fold) {
      closed.clear();
      if (fold) for (const node of tree.order) if (node.children.length && node.depth > 0) closed.add(node);
      layout();
    },
  };
}

/** The buttons above a waterfall. */
export function waterfallTools(view, onCount) {
  const find = h("input", {
    type: "search", class: "find", placeholder: "Find in this trace", "aria-label": "Find in this trace",
    oninput: (event) => {
      const words = event.target.value.trim().toLowerCase();
      onCount(view.filter(words ? (node) => textOf(node).includes(words) : null), Boolean(words));
    },
  });
  return h("div", { class: "tools" }, find,
    button("Fold all", () => view.foldAll(true)), button("Unfold all", () => view.foldAll(false)));
}

function textOf({ span }) {
  return (span.text ??= [span.name, span.service, span.id, span.message, ...[...span.attributes].flat().map((part) => typeof part === "object" ? JSON.stringify(part) : part)].join("\n").toLowerCase());
}
