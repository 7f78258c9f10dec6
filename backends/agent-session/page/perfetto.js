// Hands a trace to Perfetto's page in another window. It is sent nowhere: that page reads it in the browser.

const PAGE = "https://ui.perfetto.dev";

/** Opens `text`, Chrome's JSON. */
export function openInPerfetto(text, title) {
  const other = window.open(PAGE);
  if (!other) return;
  const ask = setInterval(() => other.postMessage("PING", PAGE), 100);
  const giveUp = setTimeout(stop, 60_000);
  window.addEventListener("message", answer);

  function answer(event) {
    if (event.source !== other || event.origin !== PAGE || event.data !== "PONG") return;
    stop();
    other.postMessage({ perfetto: { buffer: new TextEncoder().encode(text).buffer, title } }, PAGE);
  }

  function stop() {
    clearInterval(ask);
    clearTimeout(giveUp);
    window.removeEventListener("message", answer);
  }
}
