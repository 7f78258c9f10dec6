// Sessions, and one session with its traces.

import * as api from "./api.js";
import { button, h, link, replace } from "./dom.js";
import { ago, cost, count, duration, many, moment, reward, tokens } from "./format.js";
import { spansOf } from "./otlp.js";
import { go, to } from "./route.js";
import { tripletTable } from "./tripletview.js";

/** The list of sessions. */
export async function sessionsView(main, query) {
  const { sessions, next } = await api.sessions({ limit: 100, q: query.q, project: query.project, tag: query.tag, before: query.before });
  const search = h("input", { type: "search", name: "q", value: query.q ?? "", placeholder: "session, name or tag", "aria-label": "Search sessions" });
  replace(main, h("h1", null, "Sessions"),
    h("form", { class: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); go(["sessions"], { ...query, before: "", q: search.value.trim() }); } }, search, h("button", { type: "submit" }, "Search")),
    sessions.length ? h("div", { class: "scroll" }, h("table", { class: "grid cards sessions" },
      h("thead", null, h("tr", null, ["session", "project", "end", "started", "took", "traces", "spans", "tokens", "cost", "reward"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, sessions.map((session) => h("tr", { class: session.errors ? "error" : "" },
        h("td", { class: "c-trace" }, link(to(["sessions", session.session_id]), { class: "main-link" }, session.root_name || session.session_id),
          session.rollout_id ? h("span", { class: "badge" }, [session.rollout_id, session.attempt_id].filter(Boolean).join(" / ")) : null,
          (session.tags ?? []).map((tag) => h("span", { class: "badge tag" }, tag))),
        h("td", { class: "c-project", "data-label": "project" }, session.project),
        h("td", null, end(session)),
        h("td", { title: moment(session.start_unix_nanos) }, ago(session.start_unix_nanos)),
        h("td", { "data-label": "took" }, duration(took(session))),
        h("td", { "data-label": "traces" }, count(session.traces)), h("td", { "data-label": "spans" }, count(session.spans)),
        h("td", { "data-label": "tokens" }, tokens(session.input_tokens, session.output_tokens)), h("td", null, cost(session.cost_usd)),
        h("td", null, session.reward === null || session.reward === undefined ? "" : h("span", { class: "badge reward" }, reward(session.reward))))))))
      : h("p", { class: "empty" }, "No sessions fit."),
    next ? button("Older sessions", () => go(["sessions"], { ...query, before: next }), { class: "more" }) : null);
}

/** One session. */
export async function sessionView(main, id) {
  const { session, traces } = await api.session(id);
  const below = h("div");
  replace(main, h("h1", null, session.root_name || id), h("p", { class: "note" }, id), h("dl", { class: "facts" },
    [["project", session.project], ["end", end(session)], ["started", moment(session.start_unix_nanos)], ["took", duration(took(session))],
      ["spans", String(session.spans)], ["failed", String(session.errors)], ["tokens", tokens(session.input_tokens, session.output_tokens)],
      ["cost", cost(session.cost_usd)], ["reward", reward(session.reward)], ["rollout", session.rollout_id], ["attempt", session.attempt_id]]
      .filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, value)])),
  h("h2", null, "Traces"),
  h("ol", { class: "turns" }, traces.map((trace) => h("li", null, link(to(["trace", trace.trace_id]), { class: "main-link" }, trace.root_name || "(no name)"),
    [duration(Number(trace.duration_nanos)), many(trace.spans, "span"), tokens(trace.input_tokens, trace.output_tokens), cost(trace.cost_usd)].filter(Boolean).map((text) => h("span", { class: "badge" }, text)),
    trace.errors ? h("span", { class: "badge bad" }, `${trace.errors} failed`) : null,
    trace.reward === null || trace.reward === undefined ? null : h("span", { class: "badge reward" }, reward(trace.reward))))),
  h("h2", null, "Triplets"), below);
  replace(below, await tripletTable({ session_id: id }, (span) => find(span, traces)).catch((error) => h("p", { class: "note" }, error.status === 404 ? "This server has no triplets for this session." : error.message)));
}

/** Goes to a span of which it is not known in which of the traces it is. */
async function find(span, traces) {
  for (const { trace_id: trace } of traces) {
    const spans = spansOf(await api.trace(trace));
    if (spans.some(({ id }) => id === span)) return go(["trace", trace], { span });
  }
}

function end(session) {
  if (!session.end_state) return "";
  const good = session.end_state === "Success";
  return h("span", { class: good ? "badge good" : session.end_state === "Fail" ? "badge bad" : "badge" }, session.end_state);
}

function took(session) {
  try {
    return Number(BigInt(session.end_unix_nanos) - BigInt(session.start_unix_nanos));
  } catch {
    return NaN;
  }
}
