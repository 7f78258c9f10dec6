// What the server is asked.

/** An answer that is no success. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError(0, "The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    const body = JSON.parse(text);
    message = body.error ?? body.message ?? text;
  } catch { /* Plain words then. */ }
  throw new ApiError(response.status, message || `status ${response.status}`);
}

async function json(path) {
  return (await ask(path)).json();
}

function query(fields) {
  const pairs = Object.entries(fields).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return pairs.length ? "?" + new URLSearchParams(pairs) : "";
}

export const traces = (filters) => json("/api/traces" + query(filters));
export const trace = (id) => json(`/api/traces/${encodeURIComponent(id)}`);
export const traceText = async (id, format) => (await ask(`/api/traces/${encodeURIComponent(id)}?format=${format}`)).text();
export const sessions = (filters) => json("/api/sessions" + query(filters));
export const session = (id) => json(`/api/sessions/${encodeURIComponent(id)}`);
export const triplets = (of) => json("/api/triplets" + query({ ...of, why: "true" }));
export const facets = () => json("/api/facets");
export const services = (limit) => json("/api/services" + query({ limit }));

/** Takes spans in, as OTLP JSON. */
export async function importOtlp(text) {
  const response = await ask("/v1/traces", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: text,
  });
  return response.json();
}

/** Traces as they come, until the returned function is called. `onState` hears whether there is a connection. */
export function live(onTraces, onState) {
  const source = new EventSource("/api/live");
  source.addEventListener("traces", (event) => onTraces(JSON.parse(event.data).traces));
  source.addEventListener("open", () => onState(true));
  source.addEventListener("error", () => onState(false));
  return () => source.close();
}
