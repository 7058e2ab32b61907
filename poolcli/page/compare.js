/** The section of the comparison: two pictures on one stage, all results in small, and the figures of all. */

import { colours, css, diverging } from "./colours.js";
import { copy, element, radios } from "./controls.js";
import { drawn, enlarged, plain } from "./data.js";
import { figure, short, time } from "./numbers.js";
import { stepped } from "./pane.js";
import { change, listen, state } from "./state.js";

const find = (id) => document.getElementById(id);
const TALLEST = 560;
const SWAP = 800; // milliseconds
const METHODS = [
  ["wipe", "Wipe"],
  ["onion", "Onion skin"],
  ["flicker", "Flicker"],
  ["difference", "Difference"],
];
const SHARES = { wipe: "Edge", onion: "Share of B" };

let pictures = []; // {label, canvas, result}: the original and every result
let showMethod;
let timer = 0;
const differences = new Map(); // canvases by the numbers of both pictures

/** Build the section. */
export async function buildComparison() {
  const { told } = state;
  const { height, width } = told.region;
  pictures = [{ label: "original", canvas: drawn(told), result: null }];
  for (const result of told.results) {
    pictures.push({ label: result.label, canvas: await enlarged(result, height, width), result });
  }
  const whole = height === told.height && width === told.width;
  const region = whole
    ? "The results are"
    : `Shown are ${height} \u00d7 ${width} pixels of ${told.height} \u00d7 ${told.width}, and the results`;
  find("compared").textContent =
    `${region} enlarged to the original's size by ${told.upsample}. The figures are of the whole picture.`;
  Object.assign(state, {
    view: { y: height / 2, x: width / 2, zoom: 0 },
    first: 0,
    second: Math.min(1, pictures.length - 1),
    method: "wipe",
    share: 50,
    swapped: false,
    swaps: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  });
  buildTools();
  buildStage();
  buildSmall();
  buildFigures();
  listen(["view", "first", "second", "method", "share", "swapped", "swaps"], redraw);
}

function buildTools() {
  for (const name of ["first", "second"]) {
    find(name).append(...pictures.map(({ label }, k) => element("option", { value: k }, label)));
    find(name).addEventListener("change", () => change({ [name]: Number(find(name).value) }));
  }
  showMethod = radios(find("methods"), "method", METHODS, (method) => change({ method, swapped: false }));
  find("share").addEventListener("input", () => change({ share: Number(find("share").value) }));
  find("zoom").addEventListener("input", () => look({ zoom: Number(find("zoom").value) }));
  find("swap").addEventListener("click", () => change({ swapped: !state.swapped }));
  find("swaps").addEventListener("change", () => change({ swaps: find("swaps").checked }));
}

/** Move the view, so far that the picture still fills it. */
function look(moved) {
  const view = { ...state.view, ...moved };
  const { height, width } = state.told.region;
  view.zoom = Math.min(Math.max(view.zoom, 0), 6);
  const half = 0.5 / 2 ** view.zoom;
  view.y = Math.min(Math.max(view.y, height * half), height * (1 - half));
  view.x = Math.min(Math.max(view.x, width * half), width * (1 - half));
  change({ view });
}

function buildStage() {
  const stage = find("stage");
  const canvas = stage.querySelector("canvas");
  new ResizeObserver(() => redraw({ view: state.view })).observe(stage);
  let from = null;
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    from = {
      y: event.clientY,
      x: event.clientX,
      view: state.view,
      wipes: state.method === "wipe" && nearEdge(event, canvas),
    };
  });
  stage.addEventListener("pointermove", (event) => {
    if (!from || !stage.hasPointerCapture(event.pointerId)) return;
    if (from.wipes) return change({ share: shareAt(event, canvas) });
    const scale = (canvas.clientWidth / state.told.region.width) * 2 ** state.view.zoom;
    return look({
      y: from.view.y - (event.clientY - from.y) / scale,
      x: from.view.x - (event.clientX - from.x) / scale,
    });
  });
  stage.addEventListener("lostpointercapture", () => (from = null));
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return; // the page scrolls
      event.preventDefault();
      look({ zoom: state.view.zoom - Math.sign(event.deltaY) });
    },
    { passive: false },
  );
  stage.addEventListener("keydown", (event) => {
    const zoom = { "+": 1, "=": 1, "-": -1 }[event.key];
    if (zoom) look({ zoom: state.view.zoom + zoom });
    stepped(event, (down, across) => {
      const by = state.told.region.width / 2 ** state.view.zoom / 10;
      look({ y: state.view.y + down * by, x: state.view.x + across * by });
    });
  });
}

function shareAt(event, canvas) {
  const box = canvas.getBoundingClientRect();
  return Math.round(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * 100);
}

/** Return whether a pointer takes the edge of the wipe: at no zoom anywhere, because there is nothing to move. */
function nearEdge(event, canvas) {
  const box = canvas.getBoundingClientRect();
  return state.view.zoom === 0 || Math.abs(event.clientX - box.left - (state.share / 100) * box.width) < 24;
}

function buildSmall() {
  pictures.forEach(({ label }, k) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const button = element("button", { type: "button", class: "view" }, canvas, element("span", {}, label));
    button.addEventListener("click", () => change({ second: k, swapped: false }));
    find("small").append(button);
    pictures[k].button = button;
  });
  new ResizeObserver(() => redraw({ view: state.view })).observe(find("small"));
}

function buildFigures() {
  const { told } = state;
  const heads = ["result", "PSNR", "SSIM", "time", "size", "formula", "command"];
  const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
  const best = Object.fromEntries(
    ["psnr", "ssim"].map((name) => [name, Math.max(...told.results.map((one) => asNumber(one[name])))]),
  );
  const rows = told.results.map((result) => {
    const cell = (name, places, unit) => {
      const wins = result[name] !== null && asNumber(result[name]) === best[name];
      return element("td", { class: wins ? "best" : null }, figure(result[name], places, unit));
    };
    const button = element("button", { type: "button", "aria-label": `Copy the command of ${result.label}` }, "Copy");
    button.addEventListener("click", () => copy(result.command, button));
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, result.label),
      cell("psnr", 2, " dB"),
      cell("ssim", 4, ""),
      element("td", {}, time(result.seconds)),
      element("td", {}, `${result.height} \u00d7 ${result.width}`),
      element("td", { class: "formula" }, result.formula),
      element("td", { class: "command" }, button, element("code", {}, result.command)),
    );
  });
  find("figures").append(element("thead", {}, head), element("tbody", {}, ...rows));
}

function asNumber(value) {
  return value === "infinity" ? Infinity : (value ?? -Infinity);
}

function redraw(chosen) {
  showTools();
  drawStage();
  if ("view" in chosen || "second" in chosen || "first" in chosen || "scheme" in chosen) drawSmall();
  clearInterval(timer);
  if (state.method === "flicker" && state.swaps) timer = setInterval(() => change({ swapped: !state.swapped }), SWAP);
}

function showTools() {
  const { method, share, view } = state;
  for (const name of ["first", "second"]) find(name).value = state[name];
  showMethod(method);
  find("share-label").hidden = !SHARES[method];
  find("share-label").firstElementChild.textContent = SHARES[method] || "";
  find("share").value = share;
  find("share-label").querySelector("output").textContent = `${share} %`;
  find("flicker").hidden = method !== "flicker";
  find("swaps").checked = state.swaps;
  find("zoom").value = view.zoom;
  find("zoom").parentElement.querySelector("output").textContent = `${short(2 ** view.zoom, 2)}\u00d7`;
  find("stage").classList.toggle("zoomed", view.zoom > 0);
}

/** Make a canvas as large as its place allows, with whole pixels if little is lost, and return its context. */
function prepared(canvas, width, most) {
  const { region } = state.told;
  const fit = Math.min(width / region.width, most / region.height);
  const scale = fit > 1 && fit < 1.2 * Math.floor(fit) ? Math.floor(fit) : fit;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(Math.round(region.width * scale * ratio), 1);
  canvas.height = Math.max(Math.round(region.height * scale * ratio), 1);
  canvas.style.width = `${region.width * scale}px`;
  canvas.style.height = `${region.height * scale}px`;
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** Draw what the view shows of a picture. */
function paint(context, picture) {
  const { width, height } = context.canvas;
  const { region } = state.told;
  const { y, x, zoom } = state.view;
  const scale = (width / region.width) * 2 ** zoom;
  context.imageSmoothingEnabled = scale < 2 && scale % 1 !== 0;
  context.drawImage(
    picture,
    width / 2 - x * scale,
    height / 2 - y * scale,
    region.width * scale,
    region.height * scale,
  );
}

function drawStage() {
  const stage = find("stage");
  const wide = stage.clientWidth;
  if (!wide) return;
  const context = prepared(stage.querySelector("canvas"), wide, TALLEST);
  const [a, b] = [pictures[state.first], pictures[state.second]];
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  const said = { wipe: drawWipe, onion: drawOnion, flicker: drawFlicker, difference: drawDifference }[state.method](
    context,
    a,
    b,
  );
  const tags = state.method === "wipe" || state.method === "onion";
  stage.style.setProperty("--inset", `${(wide - stage.querySelector("canvas").clientWidth) / 2}px`);
  find("tag-first").textContent = tags || (state.method === "flicker" && !state.swapped) ? `A ${a.label}` : "";
  find("tag-second").textContent = tags || (state.method === "flicker" && state.swapped) ? `B ${b.label}` : "";
  find("stage-said").textContent = said;
}

function drawWipe(context, a, b) {
  const { width, height } = context.canvas;
  const edge = Math.round((width * state.share) / 100);
  for (const [picture, from, to] of [
    [a, 0, edge],
    [b, edge, width],
  ]) {
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, height);
    context.clip();
    paint(context, picture.canvas);
    context.restore();
  }
  const { window: accent, halo } = colours();
  const ratio = window.devicePixelRatio || 1;
  for (const [colour, line] of [
    [halo, 4],
    [accent, 2],
  ]) {
    context.fillStyle = css(colour);
    context.fillRect(edge - (line * ratio) / 2, 0, line * ratio, height);
  }
  return `Left of the edge ${a.label}, right of it ${b.label}.`;
}

function drawOnion(context, a, b) {
  paint(context, a.canvas);
  context.globalAlpha = state.share / 100;
  paint(context, b.canvas);
  context.globalAlpha = 1;
  return `${a.label} under ${state.share} % of ${b.label}.`;
}

function drawFlicker(context, a, b) {
  const shown = state.swapped ? b : a;
  paint(context, shown.canvas);
  return state.swaps ? `${a.label} and ${b.label} in turns.` : `Shown: ${shown.label}.`;
}

function drawDifference(context, a, b) {
  const { canvas, limit } = differenceOf(a, b);
  paint(context, canvas);
  return limit
    ? `${b.label} less ${a.label}, in brightness: from \u2212${short(limit, 3)} to ${short(limit, 3)}, of 255.`
    : `${a.label} and ${b.label} are equal.`;
}

/** Return the difference in brightness on a scale around 0, which reaches to the largest. */
function differenceOf(a, b) {
  const key = `${pictures.indexOf(a)} ${pictures.indexOf(b)} ${css(colours().zero)}`;
  if (differences.has(key)) return differences.get(key);
  const [before, after] = [a, b].map(({ canvas }) => brightness(canvas));
  const apart = after.map((value, at) => value - before[at]);
  const limit = apart.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const { width, height } = a.canvas;
  const context = plain(width, height);
  const pixels = context.createImageData(width, height);
  apart.forEach((value, at) => pixels.data.set([...diverging(value, limit), 255], 4 * at));
  context.putImageData(pixels, 0, 0);
  const found = { canvas: context.canvas, limit };
  differences.set(key, found);
  return found;
}

function brightness(canvas) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const { data } = context.getImageData(0, 0, width, height);
  return Float32Array.from({ length: width * height }, (_, at) => {
    const [red, green, blue, alpha] = data.subarray(4 * at, 4 * at + 4);
    return ((0.2126 * red + 0.7152 * green + 0.0722 * blue) * alpha) / 255;
  });
}

function drawSmall() {
  for (const [k, { button, canvas }] of pictures.entries()) {
    const wide = button.clientWidth - 2;
    if (wide < 1) continue;
    paint(prepared(button.querySelector("canvas"), wide, wide), canvas);
    button.setAttribute("aria-pressed", String(k === state.second));
  }
}
