// OTLP JSON from a file or the clipboard into the server.

import * as api from "./api.js";
import { button, h, replace } from "./dom.js";
import { spansOf } from "./otlp.js";
import { go } from "./route.js";

/** Draws the form. */
export function importView(main) {
  const said = h("p", { role: "status", class: "note" });
  const text = h("textarea", { "aria-label": "OTLP JSON", rows: "12", spellcheck: "false", placeholder: '{"resourceSpans": […]}' });
  const file = h("input", { type: "file", accept: ".json,application/json", "aria-label": "A file of OTLP JSON", onchange: async () => { if (file.files[0]) await take(await file.files[0].text()); } });
  replace(main, h("h1", null, "Import"), h("p", { class: "note" }, "OTLP JSON, as a trace is saved; a file may have one request a line. Drop files here, choose them, or paste their text."),
    h("div", { class: "drop", ondragover: (event) => event.preventDefault(), ondrop: async (event) => { event.preventDefault(); for (const dropped of event.dataTransfer.files) await take(await dropped.text()); } },
      file, text, button("Import", () => take(text.value), { class: "main-button" })), said);

  async function take(words) {
    try {
      let last = null;
      for (const request of requestsOf(words)) {
        const { partialSuccess } = await api.importOtlp(JSON.stringify(request));
        if (partialSuccess?.errorMessage) throw new Error(partialSuccess.errorMessage);
        last = spansOf(request).at(-1)?.traceId ?? last;
      }
      if (!last) throw new Error("There is no span in it.");
      if (/^[0-9a-f]{32}$/i.test(last)) go(["trace", last.toLowerCase()]); else go(["traces"]);
    } catch (error) {
      replace(said, `Not imported: ${error.message}`);
    }
  }
}

function requestsOf(words) {
  try {
    return [JSON.parse(words)];
  } catch (whole) {
    const lines = words.split("\n").filter((line) => line.trim());
    if (lines.length < 2) throw whole;
    return lines.map((line) => JSON.parse(line));
  }
}
