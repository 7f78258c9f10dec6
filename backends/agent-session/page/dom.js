// Elements from data. Text always becomes text nodes: nothing that was recorded is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Attributes that begin with "on" are listeners; `style` is an object; false and null leave an attribute out. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "vars") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Takes everything out and puts these in. */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** A link within the page. */
export function link(path, attributes, ...children) {
  return h("a", { href: "#" + path, ...attributes }, ...children);
}

/** A button with words. */
export function button(words, onclick, attributes) {
  return h("button", { type: "button", onclick, ...attributes }, words);
}

/** Offers a text as a file. */
export function download(name, text, type = "application/json") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = h("a", { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Copies a text, and says so on the button that was pressed. */
export async function copy(text, pressed) {
  const before = pressed.textContent;
  try {
    await navigator.clipboard.writeText(text);
    pressed.textContent = "Copied";
  } catch {
    pressed.textContent = "Can't copy here";
  }
  setTimeout(() => { pressed.textContent = before; }, 1500);
}
