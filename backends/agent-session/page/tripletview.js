// The triplets of a trace or a session, and for each span why it is one or not.

import * as api from "./api.js";
import { button, download, h } from "./dom.js";
import { reward } from "./format.js";
import { pretty } from "./messages.js";

/** The table; `of` is `{ trace_id }` or `{ session_id }`. */
export async function tripletTable(of, onSelect) {
  const { triplets, why } = await api.triplets(of);
  const lines = triplets.map((triplet) => JSON.stringify(triplet)).join("\n");
  return h("div", { class: "triplets" },
    triplets.length
      ? [
        h("div", { class: "tools" }, button("Save as JSON Lines", () => download("triplets.jsonl", lines + "\n", "application/jsonl")), h("span", { class: "note" }, `${triplets.length} triplet${triplets.length > 1 ? "s" : ""}`)),
        h("div", { class: "scroll" }, h("table", { class: "grid cards" },
          h("thead", null, h("tr", null, ["", "prompt", "response", "reward", "agent"].map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", null, triplets.map((triplet, at) => h("tr", null,
            h("td", null, String(at + 1)),
            h("td", { class: "c-trace" }, side(triplet.prompt)),
            h("td", { class: "c-trace" }, side(triplet.response)),
            h("td", null, triplet.reward === null || triplet.reward === undefined ? "–" : h("span", { class: "badge reward" }, reward(triplet.reward))),
            h("td", null, String(triplet.metadata?.agent_name ?? "")))))))]
      : h("p", { class: "empty" }, "There is no triplet in here."),
    why?.length ? h("details", { open: !triplets.length },
      h("summary", null, "Why each span is a triplet or is not"),
      h("table", { class: "grid" }, h("tbody", null, why.map((each) => h("tr", { class: each.is_triplet ? "yes" : "" },
        h("td", null, each.is_triplet ? "yes" : "no"),
        h("td", null, h("button", { type: "button", class: "plain link", onclick: () => onSelect(each.span_id) }, each.name)),
        h("td", null, each.text ?? each.reason)))))) : null);
}

function side(given) {
  const raw = given?.raw_content;
  const ids = given?.token_ids;
  return [
    h("pre", { class: "clip" }, pretty(raw ?? "")),
    ids?.length ? h("details", { class: "long" }, h("summary", null, `${ids.length} token ids`), h("span", { class: "value" }, ids.join(" "))) : null,
  ];
}
