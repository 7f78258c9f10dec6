// Numbers as people read them.

/** Nanoseconds (a number) as a duration. */
export function duration(nanos) {
  if (!Number.isFinite(nanos)) return "–";
  if (nanos < 1e3) return `${Math.round(nanos)} ns`;
  if (nanos < 1e6) return `${trim(nanos / 1e3)} µs`;
  if (nanos < 1e9) return `${trim(nanos / 1e6)} ms`;
  if (nanos < 60e9) return `${trim(nanos / 1e9)} s`;
  const seconds = Math.round(nanos / 1e9);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
  return `${Math.round(seconds / 86_400)} d`;
}

function trim(value) {
  return String(Number(value.toPrecision(3)));
}

/** A moment, from decimal nanoseconds since the Unix epoch. Clocks can be centuries off. */
export function moment(nanos) {
  const date = dateOf(nanos);
  return date ? date.toLocaleString() : `${nanos} ns`;
}

/** How long ago that was, in a few letters. */
export function ago(nanos, now = Date.now()) {
  const date = dateOf(nanos);
  if (!date) return "?";
  const seconds = (now - date.getTime()) / 1000;
  if (seconds < -60) return "in the future";
  if (seconds < 5) return "now";
  const [, unit, length] = [[60, "s", 1], [3600, "m", 60], [86_400, "h", 3600], [Infinity, "d", 86_400]].find(([below]) => seconds < below);
  return `${Math.floor(seconds / length)} ${unit} ago`;
}

function dateOf(nanos) {
  try {
    const date = new Date(Number(BigInt(nanos) / 1_000_000n));
    return Number.isNaN(date.getTime()) ? null : date;
  } catch {
    return null;
  }
}

/** "1 span", "2 spans". */
export function many(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

/** 1234567 as 1.2M. */
export function count(number) {
  const value = Number(number);
  if (value < 1000) return String(value);
  if (value < 1e6) return `${(value / 1e3).toFixed(value < 1e4 ? 1 : 0)}k`;
  return `${(value / 1e6).toFixed(1)}M`;
}

/** US dollars. */
export function cost(dollars) {
  if (dollars === null || dollars === undefined) return "";
  if (dollars !== 0 && Math.abs(dollars) < 0.01) return `$${dollars.toPrecision(2)}`;
  return `$${dollars.toFixed(2)}`;
}

/** A reward, always with its sign. */
export function reward(value) {
  if (value === null || value === undefined) return "";
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${Number(Math.abs(value).toFixed(4))}`;
}

/** Input and output tokens. */
export function tokens(input, output) {
  return input || output ? `${count(input)} → ${count(output)}` : "";
}

/** A hue of its own for each name, the same each time; never the red of errors. */
export function hue(name) {
  let hash = 2166136261;
  for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  return 60 + ((hash >>> 0) % 270);
}
