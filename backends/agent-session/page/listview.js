// The list of traces, grouped by project, with a live tail.

import * as api from "./api.js";
import { button, h, link, replace } from "./dom.js";
import { SIGNS } from "./facts.js";
import { filterBar } from "./filters.js";
import { ago, cost, count, duration, hue, moment, reward, tokens } from "./format.js";
import { amend, to } from "./route.js";

/** The filters that the server understands. */
const FILTERS = ["q", "service", "name", "kind", "errors", "min_duration_nanos", "max_duration_nanos", "tag", "project", "session_id", "reward"];

/** Draws the list; returns what ends it. */
export async function listView(main, query, signals) {
  const facets = await api.facets();
  let filters = query;
  let shown = [];
  let next = null;
  let stopLive = null;
  let turn = 0;
  const chosen = new Set();
  const asked = () => Object.fromEntries(FILTERS.map((name) => [name, filters[name]]));

  const table = h("div", { class: "list" });
  const liveButton = button("Live", () => {
    setLive(!stopLive);
    filters = { ...filters, live: stopLive ? "1" : "" };
    amend(filters);
  }, { "aria-pressed": "false", class: "toggle" });
  const compare = button("Compare two", () => { const [a, b] = [...chosen]; location.hash = to(["compare"], { a, b }); }, { disabled: true });
  const bar = h("div");
  replace(main, h("h1", { class: "sr" }, "Traces"), bar, table);
  replace(bar, filterBar(filters, facets, (changed) => {
    filters = changed;
    amend(filters);
    load().catch(signals.failed);
  }, h("div", { class: "tools" }, liveButton, compare)));
  await load();
  if (query.live) setLive(true);

  async function load(more = false) {
    const mine = ++turn;
    const answer = await api.traces({ ...asked(), limit: 100, ...(more ? { before: next } : {}) });
    if (mine !== turn) return;
    shown = more ? [...shown, ...answer.traces] : answer.traces;
    next = answer.next;
    draw();
  }

  function setLive(on) {
    stopLive?.();
    stopLive = null;
    liveButton.setAttribute("aria-pressed", String(on));
    signals.live(on ? "connecting" : "");
    if (!on) return;
    let due = null;
    stopLive = api.live(
      // What changed may not fit the filters, so the server is asked; at most once in a while.
      () => { due ??= setTimeout(() => { due = null; if (stopLive) load().catch(signals.failed); }, 400); },
      (connected) => signals.live(connected ? "live" : "reconnecting"));
  }

  function draw() {
    const groups = new Map();
    for (const trace of shown) groups.set(trace.project, [...(groups.get(trace.project) ?? []), trace]);
    const longest = shown.reduce((most, trace) => Math.max(most, Number(trace.duration_nanos)), 1);
    replace(table,
      shown.length ? null : h("p", { class: "empty" }, FILTERS.some((name) => filters[name]) ? "No trace fits these filters." : "No traces yet. Run a program with TRACER_TYPE=agentops, or send OTLP to /v1/traces."),
      [...groups].map(([project, traces]) => h("section", { "aria-label": `Project ${project}` },
        h("h2", null, project, h("span", { class: "note" }, ` ${traces.length}`)),
        h("div", { class: "scroll" }, h("table", { class: "grid cards traces" },
          h("thead", null, h("tr", null, ["", "trace", "services", "started", "duration", "spans", "tokens", "cost", "reward"].map((name) => h("th", { scope: "col", class: `c-${name || "pick"}` }, name || h("span", { class: "sr" }, "choose to compare"))))),
          h("tbody", null, traces.map((trace) => rowOf(trace, longest))))))),
      next ? button("Older traces", () => load(true).catch(signals.failed), { class: "more" }) : null);
  }

  function rowOf(trace, longest) {
    const pick = h("input", {
      type: "checkbox", checked: chosen.has(trace.trace_id), "aria-label": `Choose ${trace.root_name || "(no name)"} to compare`,
      onchange: (event) => {
        if (event.target.checked) chosen.add(trace.trace_id); else chosen.delete(trace.trace_id);
        compare.disabled = chosen.size !== 2;
      },
    });
    const path = to(["trace", trace.trace_id]);
    return h("tr", { class: trace.errors ? "error" : "" },
      h("td", { class: "c-pick" }, pick),
      h("td", { class: "c-trace" }, trace.root_kind ? h("span", { class: "sign", title: trace.root_kind }, SIGNS[trace.root_kind] ?? "•") : null,
        link(path, { class: "main-link" }, trace.root_name || "(no name)"),
        trace.errors ? h("span", { class: "badge bad" }, `${trace.errors} failed`) : null,
        trace.has_root ? null : h("span", { class: "badge" }, "root missing"),
        trace.model ? h("span", { class: "badge" }, trace.model) : null,
        (trace.tags ?? []).map((tag) => h("span", { class: "badge tag" }, tag))),
      h("td", { class: "c-services" }, trace.services.map((service) => h("span", { class: "badge chip", vars: { "--hue": String(hue(service)) } }, service))),
      h("td", { class: "c-started", title: moment(trace.start_unix_nanos) }, ago(trace.start_unix_nanos)),
      h("td", { class: "c-duration" }, h("span", { class: "meter", vars: { "--wide": `${(Number(trace.duration_nanos) / longest) * 100}%` } }), duration(Number(trace.duration_nanos))),
      h("td", { class: "c-spans", "data-label": "spans" }, count(trace.spans)),
      h("td", { class: "c-tokens", "data-label": "tokens" }, tokens(trace.input_tokens, trace.output_tokens)),
      h("td", { class: "c-cost" }, cost(trace.cost_usd)),
      h("td", { class: "c-reward" }, trace.reward === null || trace.reward === undefined ? "" : h("span", { class: "badge reward" }, reward(trace.reward))));
  }

  return () => setLive(false);
}
