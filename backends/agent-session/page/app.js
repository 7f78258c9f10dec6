// The page: looks at the address, draws what it names.

import { compareView } from "./compareview.js";
import { h, link, replace } from "./dom.js";
import { importView } from "./importview.js";
import { listen, show } from "./keys.js";
import { listView } from "./listview.js";
import { mapView } from "./mapview.js";
import { here, to } from "./route.js";
import { sessionView, sessionsView } from "./sessionview.js";
import { traceView } from "./traceview.js";

const VIEWS = [["traces", "Traces"], ["sessions", "Sessions"], ["services", "Services"], ["import", "Import"]];

/** Views that belong to another's list. */
const WITHIN = { trace: "traces", compare: "traces" };

const main = document.getElementById("main");
const dialog = document.getElementById("shortcuts");
const liveState = document.getElementById("live-state");
let leave = () => {};
let escape = () => false;
let turn = 0;

async function draw() {
  const mine = ++turn;
  leave();
  leave = () => {};
  escape = () => false;
  const { path: [view, id], query } = here();
  replace(document.getElementById("views"), VIEWS.map(([name, words]) => link(to([name]), { "aria-current": name === (WITHIN[view] ?? view) ? "page" : null }, words)));
  document.title = `${VIEWS.find(([name]) => name === view)?.[1] ?? "Trace"} – tracer-factory`;
  // Each view draws into an element of its own: one that comes late draws where nobody looks.
  const stage = h("div", { class: `view ${view}` }, h("p", { class: "note" }, "Reading…"));
  replace(main, stage);
  const signals = { live: (words) => replace(liveState, words), failed: (error) => failed(stage, error) };
  signals.live("");
  try {
    const drawn = await drawView(stage, view, id, query, signals);
    if (mine !== turn) {
      if (typeof drawn === "function") drawn();
      return;
    }
    if (typeof drawn === "function") leave = drawn;
    if (drawn?.escape) escape = drawn.escape;
  } catch (error) {
    failed(stage, error);
  }
}

function drawView(stage, view, id, query, signals) {
  if (view === "traces") return listView(stage, query, signals);
  if (view === "trace" && id) return traceView(stage, id.toLowerCase(), query);
  if (view === "sessions") return id ? sessionView(stage, id) : sessionsView(stage, query);
  if (view === "services") return mapView(stage);
  if (view === "compare") return compareView(stage, query);
  if (view === "import") return importView(stage);
  return replace(stage, h("p", { class: "empty" }, "There is nothing here. "), link("/traces", null, "All traces"));
}

function failed(stage, error) {
  replace(stage, h("div", { class: "empty", role: "alert" }, h("p", null, error.message), h("button", { type: "button", onclick: draw }, "Try again")));
}

/** Dark or light as the system has it, until somebody chooses. */
function theme() {
  const root = document.documentElement;
  const remembered = localStorage.getItem("theme");
  if (remembered) root.dataset.theme = remembered;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  });
}

theme();
listen(dialog, () => escape());
document.getElementById("help").addEventListener("click", () => show(dialog));
addEventListener("hashchange", draw);
draw();
