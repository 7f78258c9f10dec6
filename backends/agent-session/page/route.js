// Where in the page one is: everything is in the address, so that it can be passed on.

/** `#/traces?q=x` as `{ path: ["traces"], query: { q: "x" } }`. */
export function here() {
  const [path, search = ""] = location.hash.replace(/^#/, "").split(/\?(.*)/s);
  const parts = path.split("/").filter(Boolean).map(decode);
  return { path: parts.length ? parts : ["traces"], query: Object.fromEntries(new URLSearchParams(search)) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a place. */
export function to(path, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const search = pairs.length ? "?" + new URLSearchParams(pairs) : "";
  return "/" + path.map(encodeURIComponent).join("/") + search;
}

/** Goes there. */
export function go(path, query) {
  location.hash = to(path, query);
}

/** Changes the address without a new entry in the history. */
export function amend(query) {
  const { path } = here();
  history.replaceState(null, "", "#" + to(path, query));
}
