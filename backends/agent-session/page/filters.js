// The filters above a list, as they stand in the address.

import { h } from "./dom.js";

/** A form for `query`; `onChange` hears the whole query when something in it was changed. */
export function filterBar(query, facets, onChange, extra = []) {
  let waiting = null;
  let current = query;
  const set = (name, value, later = false) => {
    clearTimeout(waiting);
    current = { ...current, [name]: value };
    const change = () => onChange(current);
    if (later) waiting = setTimeout(change, 250); else change();
  };
  const choice = (name, words, values) => h("label", null, h("span", null, words),
    h("select", { name, onchange: (event) => set(name, event.target.value) },
      h("option", { value: "" }, "any"),
      withCurrent(values, query[name]).map((value) => h("option", { value, selected: value === (query[name] ?? "") }, value))));
  const text = (name, words, placeholder) => h("label", null, h("span", null, words),
    h("input", { type: "search", name, placeholder, value: query[name] ?? "", oninput: (event) => set(name, event.target.value.trim(), true) }));
  return h("form", { class: "filters", role: "search", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
    text("q", "search", "name, service or trace id"),
    h("button", { type: "button", class: "unfold", "aria-expanded": "false", onclick: unfold }, "Filters"),
    h("div", { class: "choices" }, choice("service", "service", facets.services), choice("kind", "kind", facets.kinds),
    choice("project", "project", facets.projects), choice("tag", "tag", facets.tags),
    h("label", null, h("span", null, "errors"), options("errors", query, [["", "any"], ["true", "with"], ["false", "without"]], set)),
    h("label", null, h("span", null, "reward"), options("reward", query, [["", "any"], ["true", "with"], ["false", "without"]], set)),
    h("label", null, h("span", null, "at least"), options("min_duration_nanos", query, [["", "any time"], ["1000000", "1 ms"], ["10000000", "10 ms"], ["100000000", "100 ms"], ["1000000000", "1 s"], ["10000000000", "10 s"]], set))),
    extra);
}

/** On narrow screens the choices are out of the way until they are wanted. */
function unfold({ currentTarget }) {
  const open = currentTarget.getAttribute("aria-expanded") !== "true";
  currentTarget.setAttribute("aria-expanded", String(open));
}

function options(name, query, choices, set) {
  return h("select", { name, onchange: (event) => set(name, event.target.value) },
    choices.map(([value, words]) => h("option", { value, selected: value === (query[name] ?? "") }, words)));
}

/** What is chosen is offered even if nothing has it any more. */
function withCurrent(values, current) {
  return current && !values.includes(current) ? [current, ...values] : values;
}
