// Keys that work everywhere in the page, and the list of all keys.

import { button, h, replace } from "./dom.js";
import { go } from "./route.js";

const SHORTCUTS = [
  ["/", "search"], ["g t", "traces"], ["g s", "sessions"], ["g m", "service map"], ["j k ↓ ↑", "next and previous span"],
  ["→ ←", "unfold and fold, or go in and out"], ["Enter", "all about the span"], ["Space", "fold or unfold"], ["n", "next error"],
  ["Home End PgUp PgDn", "further"], ["Esc", "close"], ["?", "these keys"],
];

const PLACES = { t: ["traces"], s: ["sessions"], m: ["services"], i: ["import"] };

/** Listens; `escape` is asked first what there is to close. */
export function listen(dialog, escape) {
  let before = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && !dialog.open && escape()) {
      event.preventDefault();
      return;
    }
    if (event.target.closest("input, textarea, select")) return;
    if (event.key === "/") {
      const field = document.querySelector("main input[type=search]");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    }
    if (event.key === "?") show(dialog);
    if (before === "g" && PLACES[event.key]) go(PLACES[event.key]);
    before = event.key;
  });
}

/** Shows the list of keys. */
export function show(dialog) {
  replace(dialog, h("h2", null, "Keys"), h("dl", null, SHORTCUTS.map(([keys, words]) => [h("dt", null, h("kbd", null, keys)), h("dd", null, words)])), button("Close", () => dialog.close()));
  if (!dialog.open) dialog.showModal();
}
