"use strict";
// What every figure needs: a frame with axes, markers, a legend, hovering, and drawing again when the width changes.

const SVG = "http://www.w3.org/2000/svg";
const PREFIXES = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

function node(parent, name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return parent.appendChild(made);
}

function element(parent, name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return parent.appendChild(made);
}

const known = (value) => typeof value === "number" && Number.isFinite(value);

function extent(values) {
  // Not Math.min(...values): a long array overflows the stack.
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!known(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

function padded([low, high], share = 0.06, least = 1e-9) {
  const room = Math.max((high - low) * share, least);
  return [low - room, high + room];
}

// Steps of 1, 2 or 5 times a power of ten, and the decimals that tell neighbours apart.
function ticks([low, high], wanted, whole = false) {
  const rough = (high - low) / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = power * ([1, 2, 5].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10);
  if (whole) step = Math.max(1, step);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    found.push([k * step, shown(k * step, decimals)]);
  }
  return found;
}

function shown(value, decimals) {
  if (!known(value)) return "not measured";
  const digits = decimals ?? (Number.isInteger(value) ? 0 : Math.min(8, Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value) || 1)))));
  const text = value.toLocaleString("en-US", { minimumFractionDigits: decimals ?? 0, maximumFractionDigits: digits });
  return text.replace(/^-(?=[0.,]*$)/, "").replace("-", "−");
}

// Draws grid, ticks and axis names. `axes` has x and y ([low, high]), xLabel, yLabel, and optionally height, whole
// (integer ticks on x), yWhole, yTick (value to label).
function frame(plot, axes) {
  const svg = plot.querySelector("svg");
  const width = Math.max(plot.clientWidth, 240);
  const height = axes.height ?? 320;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  const yTicks = ticks(axes.y, height / 55, axes.yWhole).map(([at, text]) => [at, axes.yTick ? axes.yTick(at) : text]);
  const left = 14 + 7 * Math.max(...yTicks.map(([, text]) => text.length), 2);
  const box = { left, right: width - 12, top: 26, bottom: height - 42 };
  const scale = ([low, high], from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);
  const px = scale(axes.x, box.left, box.right);
  const py = scale(axes.y, box.bottom, box.top);
  const grid = node(svg, "g", { class: "axis" });
  for (const [at, text] of yTicks) {
    node(grid, "line", { x1: box.left, x2: box.right, y1: py(at), y2: py(at) });
    node(grid, "text", { x: box.left - 8, y: py(at) + 4, "text-anchor": "end", class: "tick y" }, text);
  }
  for (const [at, text] of ticks(axes.x, (box.right - box.left) / 80, axes.whole)) {
    node(grid, "line", { x1: px(at), x2: px(at), y1: box.bottom, y2: box.bottom + 5, class: "stub" });
    const room = Math.min(px(at), width - 3.5 * text.length - 2);  // a label at the right border stays whole
    node(grid, "text", { x: room, y: box.bottom + 19, "text-anchor": "middle", class: "tick x" }, text);
  }
  node(grid, "line", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: "base" });
  node(grid, "text", { x: box.right, y: height - 5, "text-anchor": "end", class: "name" }, axes.xLabel);
  node(grid, "text", { x: 0, y: 12, class: "name" }, axes.yLabel);
  const clip = `clip-${plot.closest("figure").id}`;
  const path = node(node(svg, "defs"), "clipPath", { id: clip });
  node(path, "rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top });
  const layer = node(svg, "g", { "clip-path": `url(#${clip})`, class: "marks" });
  return { ...box, svg, layer, px, py, width, height };
}

// A pen line through the points; null lifts the pen.
function line(points) {
  let pen = "M";
  let path = "";
  for (const point of points) {
    if (point === null) { pen = "M"; continue; }
    path += `${pen}${point[0].toFixed(2)} ${point[1].toFixed(2)}`;
    pen = "L";
  }
  return path;
}

const SHAPES = {
  square: (r) => `M${-r} ${-r}H${r}V${r}H${-r}Z`,
  diamond: (r) => `M0 ${-1.4 * r}L${1.4 * r} 0L0 ${1.4 * r}L${-1.4 * r} 0Z`,
  triangle: (r) => `M0 ${-1.3 * r}L${1.25 * r} ${r}H${-1.25 * r}Z`,
  star: (r) => "M" + Array.from({ length: 10 }, (_, k) => {
    const [reach, angle] = [(k % 2 ? 0.85 : 1.9) * r, (Math.PI * k) / 5];
    return `${(reach * Math.sin(angle)).toFixed(2)} ${(-reach * Math.cos(angle)).toFixed(2)}`;
  }).join("L") + "Z",
};

function marker(parent, shape, x, y, className, r = 4.5) {
  if (shape === "circle") return node(parent, "circle", { cx: x, cy: y, r, class: className });
  return node(parent, "path", { d: SHAPES[shape](r), transform: `translate(${x} ${y})`, class: className });
}

// `entries`: [text, draw], where draw(svg) fills a swatch of 22 by 14.
function legend(figure, entries) {
  const list = figure.querySelector(".legend");
  list.replaceChildren();
  for (const [text, draw] of entries) {
    const item = element(list, "li");
    draw(item.appendChild(Object.assign(document.createElementNS(SVG, "svg"), {})));
    const swatch = item.firstChild;
    for (const [key, value] of [["width", 22], ["height", 14], ["aria-hidden", "true"]]) swatch.setAttribute(key, value);
    item.append(text);
  }
}

const swatchLine = (className) => (svg) => node(svg, "line", { x1: 1, x2: 21, y1: 7, y2: 7, class: className });
const swatchRect = (className) => (svg) => node(svg, "rect", { x: 3, y: 2, width: 16, height: 10, class: className });
const swatchMark = (shape, className) => (svg) => marker(svg, shape, 11, 7.5, className);

// Shows the lines of the item nearest to the pointer; the arrow keys walk through the items. `items`: {x, y, lines}
// in pixels, ordered by x. With `reach` an item further away than that many pixels is not shown; without, only x counts.
// An item's `href` is opened by a click or Enter.
function hover(plot, chart, items, reach = null) {
  const tip = plot.querySelector(".tip");
  const cursor = node(chart.svg, "g", { class: "cursor" });
  let current = -1;
  const hide = () => { tip.hidden = true; cursor.replaceChildren(); current = -1; chart.svg.classList.remove("opens"); };
  const show = (index) => {
    if (index === current) return;
    current = index;
    const { x, y, lines, href } = items[index];
    chart.svg.classList.toggle("opens", Boolean(href));
    cursor.replaceChildren();
    if (reach === null) node(cursor, "line", { x1: x, x2: x, y1: chart.top, y2: chart.bottom });
    if (known(y)) node(cursor, "circle", { cx: x, cy: Math.min(Math.max(y, chart.top), chart.bottom), r: reach === null ? 4 : 9 });
    tip.replaceChildren();
    lines.forEach((text, k) => element(tip, k ? "span" : "b", "", text));
    tip.hidden = false;
    const ratio = plot.clientWidth / chart.width;  // the drawing is scaled when it is wider than its place
    const free = plot.clientWidth - tip.offsetWidth - 4;
    const wished = x * ratio + (x > chart.width / 2 ? -tip.offsetWidth - 14 : 14);
    tip.style.left = `${Math.max(0, Math.min(wished, free))}px`;
    tip.style.top = `${Math.max(0, Math.min((known(y) ? y : chart.top) - tip.offsetHeight - 8, chart.bottom - tip.offsetHeight))}px`;
  };
  const near = (event) => {
    const place = chart.svg.getBoundingClientRect();
    const ratio = chart.width / place.width;
    const [x, y] = [(event.clientX - place.left) * ratio, (event.clientY - place.top) * ratio];
    const far = (item) => (reach === null ? Math.abs(item.x - x) : Math.hypot(item.x - x, item.y - y));
    let best = -1;
    items.forEach((item, k) => { if (best < 0 || far(item) < far(items[best])) best = k; });
    return best >= 0 && (reach === null || far(items[best]) <= reach) ? best : -1;
  };
  chart.svg.onpointermove = (event) => { const index = near(event); if (index < 0) hide(); else show(index); };
  chart.svg.onpointerleave = hide;
  chart.svg.onblur = hide;
  const open = () => { if (items[current]?.href) location.href = items[current].href; };
  if (items.some((item) => item.href)) chart.svg.onclick = open;
  chart.svg.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (event.key === "Enter") open();
    if (!step || !items.length) return;
    event.preventDefault();
    show(Math.min(Math.max(current < 0 ? (step > 0 ? 0 : items.length - 1) : current + step, 0), items.length - 1));
  };
  hide();
}

// Draws once now and again whenever the place for the figure gets another width.
function keepDrawn(plot, draw) {
  let width = -1;
  new ResizeObserver(() => {
    if (plot.clientWidth === width || plot.clientWidth === 0) return;
    width = plot.clientWidth;
    draw();
  }).observe(plot);
  width = plot.clientWidth;
  draw();
}
