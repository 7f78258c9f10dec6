//! What can be measured of how a page looks: scripts for the browser that give lists of faults.

/// What is wider than the window, or would have to be scrolled sideways with all of the page.
pub const OVERFLOW: &str = "(() => {
  const main = document.getElementById('main');
  const faults = [];
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the document is too wide');
  if (document.documentElement.scrollHeight > innerHeight) faults.push('the document scrolls, besides what is in it');
  if (main.scrollWidth > main.clientWidth) faults.push('the view is too wide');
  return faults;
})()";

/// Text in sight whose contrast with its ground is below 4.5, the bar of WCAG's level AA.
/// Grounds are painted one over the other, as the browser does; drawings and bars are left out.
pub const CONTRAST: &str = "(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const paint = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faults = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.closest('svg, .track, .sr, .skip, :disabled, noscript')) continue;
    const grounds = [];
    for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
    const ground = paint(grounds);
    const text = paint([...grounds, getComputedStyle(element).color]);
    const [low, high] = [light(ground), light(text)].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faults.push(`${contrast.toFixed(2)}: ${texts.currentNode.data.trim().slice(0, 40)}`);
  }
  return [...new Set(faults)];
})()";
