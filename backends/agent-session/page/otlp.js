// OTLP JSON as the page's own spans.

/** A value of OTLP's as a plain one. */
export function value(any) {
  if (!any || typeof any !== "object") return null;
  if ("stringValue" in any) return any.stringValue;
  if ("intValue" in any) return integer(any.intValue);
  if ("doubleValue" in any) return number(any.doubleValue);
  if ("boolValue" in any) return any.boolValue;
  if ("bytesValue" in any) return any.bytesValue;
  if ("arrayValue" in any) return (any.arrayValue?.values ?? []).map(value);
  if ("kvlistValue" in any) return Object.fromEntries((any.kvlistValue?.values ?? []).map((pair) => [pair.key, value(pair.value)]));
  return null;
}

/** Integers beyond what numbers hold stay text. */
function integer(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : String(text);
}

function number(any) {
  return typeof any === "number" ? any : Number(any);
}

function attributes(list) {
  const map = new Map();
  for (const pair of list ?? []) map.set(pair.key, value(pair.value));
  return map;
}

function nanos(text) {
  try {
    return BigInt(text ?? 0);
  } catch {
    return 0n;
  }
}

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];

/** Every span of an export request. */
export function spansOf(request) {
  const spans = [];
  for (const resourceSpans of request.resourceSpans ?? []) {
    const resource = attributes(resourceSpans.resource?.attributes);
    for (const scopeSpans of resourceSpans.scopeSpans ?? []) {
      for (const span of scopeSpans.spans ?? []) {
        spans.push(spanOf(span, resource, scopeSpans.scope, { resourceSpans, scopeSpans }));
      }
    }
  }
  return spans;
}

function spanOf(span, resource, scope, raw) {
  const start = nanos(span.startTimeUnixNano);
  const end = nanos(span.endTimeUnixNano);
  const kind = span.kind ?? 0;
  return {
    id: span.spanId ?? "",
    traceId: span.traceId ?? "",
    parentId: span.parentSpanId || null,
    name: span.name ?? "",
    role: typeof kind === "number" ? KINDS[kind] ?? "unspecified" : String(kind).replace(/^SPAN_KIND_/, "").toLowerCase(),
    start,
    end: end < start ? start : end,
    attributes: attributes(span.attributes),
    resource,
    service: String(resource.get("service.name") ?? "unknown_service"),
    scope: scope?.name ?? "",
    scopeVersion: scope?.version ?? "",
    events: (span.events ?? []).map((event) => ({ name: event.name ?? "", time: nanos(event.timeUnixNano), attributes: attributes(event.attributes) })),
    links: (span.links ?? []).map((link) => ({ traceId: link.traceId ?? "", spanId: link.spanId ?? "", attributes: attributes(link.attributes) })),
    error: span.status?.code === 2 || span.status?.code === "STATUS_CODE_ERROR",
    ok: span.status?.code === 1 || span.status?.code === "STATUS_CODE_OK",
    message: span.status?.message ?? "",
    traceState: span.traceState ?? "",
    dropped: { attributes: span.droppedAttributesCount ?? 0, events: span.droppedEventsCount ?? 0, links: span.droppedLinksCount ?? 0 },
    raw: { span, ...raw },
  };
}

/** Spans as an export request again. */
export function requestOf(spans) {
  return {
    resourceSpans: spans.map(({ raw }) => ({
      resource: raw.resourceSpans.resource,
      scopeSpans: [{ scope: raw.scopeSpans.scope, spans: [raw.span] }],
    })),
  };
}
