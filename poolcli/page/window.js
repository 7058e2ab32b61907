/** The section of the window: three linked panes of a crop, and how a pixel of the output comes about. */

import { css, diverging, grey, readable, weighty } from "./colours.js";
import { Slider, choice, copy, element, radios } from "./controls.js";
import { drawn, valueAt } from "./data.js";
import { Locator } from "./locator.js";
import { compact, counted, pair, percent, short } from "./numbers.js";
import { Pane } from "./pane.js";
import { fitted, inside, layerOf, pool } from "./pooling.js";
import * as pools from "./pools.js";
import { change, listen, state } from "./state.js";

const find = (id) => document.getElementById(id);
const ALWAYS = ["max", "average", "soft"];
const TEXTS = { beta: "\u03b2", lam: "\u03bb", count_include_pad: "count padding" };

const POOLED = ["layer", "parameters", "crop", "channel", "upstream", "output", "kept", "exported"];

const panes = {};
const sliders = {};
let current = null; // the pool that is shown
let showMode, showUpstream, showChannel, locator;

/** Build the section, and draw it whenever what it depends on changes. */
export function buildWindow() {
  buildModes();
  buildSliders();
  buildPanes();
  locator = new Locator(find("locator"), drawn(state.told));
  find("copy").addEventListener("click", () => copy(find("command").textContent, find("copy")));
  find("alpha-note").hidden = !state.told.alpha;
  listen([...POOLED, "pointed"], redraw);
}

function buildModes() {
  const { results } = state.told;
  const local = pools.LOCAL.map(({ name }) => [name, name]);
  const exported = results.flatMap((result, k) => (result.values ? [[`result ${k}`, `${result.label}*`]] : []));
  showMode = radios(find("modes"), "mode", [...local, ...exported], chooseMode);
  if (exported.length) find("modes").after(element("p", { class: "note" }, "* computed by the library, for one crop"));
}

function chooseMode(value) {
  const result = value.startsWith("result ") ? state.told.results[Number(value.slice(7))] : null;
  if (!result) return change({ layer: { ...state.layer, mode: value }, exported: null });
  const { parameters, ...layer } = result.layer;
  return change({ layer, exported: result, crop: state.told.crop, pointed: null });
}

function buildSliders() {
  const host = find("sliders");
  const both = (name) => (value) => change({ layer: { ...state.layer, [name]: [value, value] } });
  const add = (name, label, title, low, changed) => {
    sliders[name] = new Slider(label, { min: low, max: 9, name, title }, changed);
    host.append(sliders[name].node);
  };
  add("F", "F window", "Pixels of the window along each axis", 1, both("F"));
  add("S", "S stride", "Distance between windows", 1, both("S"));
  add("P", "P padding", "Pixels around the crop, which add no values", 0, (value) =>
    change({ layer: { ...state.layer, P: [value, value, value, value] } }),
  );
  add("D", "D dilation", "Distance between the pixels of a window", 1, both("D"));
  host.append(element("div", { id: "parameters" }));
  add("crop", "Crop", "Pixels of the crop along each axis", 4, resizeCrop);
  const { channels } = state.told;
  if (channels.length < 2) return;
  const fieldset = element("fieldset", { class: "switch" }, element("legend", {}, "Channel"));
  find("channels").append(fieldset);
  const choices = channels.map((name, c) => [String(c), name]);
  showChannel = radios(fieldset, "channel", choices, (c) => change({ channel: Number(c) }));
}

function resizeCrop(side) {
  const { height, width } = state.told.region;
  const size = { height: Math.min(side, height), width: Math.min(side, width) };
  const at = inside(state.crop, { height: height - size.height + 1, width: width - size.width + 1 });
  change({ crop: { ...at, ...size } });
}

function buildPanes() {
  for (const name of ["input", "output", "gradient"]) {
    panes[name] = new Pane(find(name), {
      point: (cell) => change({ pointed: cell && { pane: name, ...cell } }),
      pick: (cell) => keep({ pane: name, ...cell }),
      step: (down, across) => step(name, down, across),
    });
  }
  const ways = [["all", "the sum of all outputs"], ["one", "one output pixel"]];
  showUpstream = radios(find("upstream"), "upstream", ways, (upstream) => change({ upstream, pointed: null }));
}

/** Keep a pixel; of the output it is also the one whose gradient may be shown. */
function keep(cell) {
  change({ kept: cell, pointed: null, ...(cell.pane === "output" ? { output: { y: cell.y, x: cell.x } } : {}) });
}

const last = {}; // where the reader was in each pane

function step(pane, down, across) {
  const from = state.kept.pane === pane ? state.kept : last[pane] || { y: 0, x: 0 };
  const image = pane === "output" ? current.output : current.image;
  keep({ pane, ...inside({ y: from.y + down, x: from.x + across }, image) });
}

function redraw(chosen) {
  if (Object.keys(chosen).some((name) => name !== "pointed")) compute();
  const active = state.pointed || state.kept;
  drawPanes(active);
  if (active.pane === "output") explainOutput(active);
  else explainInput(active);
}

/** Fit the settings to each other, pool, and show what is set. */
function compute() {
  const { layer, most } = fitted(state.layer, state.crop.height, state.crop.width);
  state.layer = layer;
  current = pool();
  state.output = inside(state.output, current.output);
  const image = state.kept.pane === "output" ? current.output : current.image;
  state.kept = { pane: state.kept.pane, ...inside(state.kept, image) };
  last[state.kept.pane] = state.kept;
  if (state.kept.pane === "output") {
    last.input = last.gradient = pools.windowOf(layer, current.image, state.kept.y, state.kept.x)[0];
  }
  showSettings(most);
  showSums();
  locator.draw();
}

function showSettings(most) {
  const { layer, exported, crop, told } = state;
  showMode(exported ? `result ${told.results.indexOf(exported)}` : layer.mode);
  showUpstream(state.upstream);
  if (showChannel) showChannel(String(state.channel));
  for (const name of ["F", "S", "D"]) sliders[name].show(layer[name][0], pair(layer[name], " \u00d7 "), { max: most[name] });
  const even = layer.P.every((p) => p === layer.P[0]);
  sliders.P.show(layer.P[0], even ? String(layer.P[0]) : layer.P.join(", "), { max: most.P });
  const largest = Math.max(Math.min(32, told.region.height, told.region.width), 1);
  sliders.crop.show(crop.height, pair([crop.height, crop.width], " \u00d7 "), { min: Math.min(4, largest), max: largest });
  for (const slider of Object.values(sliders)) slider.input.disabled = Boolean(exported);
  showParameters();
  find("shown-formula").textContent = `${layer.mode} = ${formulaOf()}`;
  find("command").textContent = commandLine();
}

function formulaOf() {
  return state.exported ? state.exported.formula : entryOf(state.layer.mode).formula;
}

function entryOf(mode) {
  return pools.LOCAL.find(({ name }) => name === mode);
}

let parametersShown = null; // the mode whose parameters have controls, and these by name

function showParameters() {
  const { mode } = state.layer;
  const host = find("parameters");
  const rows = state.exported ? [] : entryOf(mode).parameters;
  if (!parametersShown || parametersShown.mode !== mode || parametersShown.exported !== state.exported) {
    const controls = Object.fromEntries(rows.map((row) => [row.name, controlOf(mode, row)]));
    host.replaceChildren(...Object.values(controls).map(({ node }) => node));
    parametersShown = { mode, exported: state.exported, controls };
  }
  for (const row of rows) {
    const value = valueOf(mode, row);
    const control = parametersShown.controls[row.name];
    if (row.choices) control.select.value = String(value);
    else control.show(value, short(value));
  }
}

function controlOf(mode, row) {
  const label = TEXTS[row.name] || row.name;
  const set = (value) => {
    const own = { ...state.parameters[mode], [row.name]: value };
    change({ parameters: { ...state.parameters, [mode]: own } });
  };
  if (!row.choices) return new Slider(label, row, set);
  const words = row.choices.map((value) => [String(value), typeof value === "boolean" ? (value ? "yes" : "no") : value]);
  return choice(label, row.name, words, (text) => set(row.choices.find((value) => String(value) === text)));
}

function valueOf(mode, row) {
  return state.parameters[mode]?.[row.name] ?? row.default;
}

/** Return the command line that pools the whole picture as the crop is pooled. */
function commandLine() {
  const { layer, told, exported } = state;
  if (exported) return exported.command;
  const parts = ["poolcli downsample -m", layer.mode, "-F", pair(layer.F)];
  if (pair(layer.S) !== pair(layer.F)) parts.push("-S", pair(layer.S));
  const even = layer.P.every((p) => p === layer.P[0]);
  if (layer.P.some((p) => p)) parts.push("-P", even ? layer.P[0] : layer.P.join(","));
  if (pair(layer.D) !== "1") parts.push("-D", pair(layer.D));
  for (const row of entryOf(layer.mode).parameters) {
    const value = valueOf(layer.mode, row);
    const option = `--${row.name.replaceAll("_", "-")}`;
    if (value !== row.default) parts.push(...(value === true ? [option] : [option, value]));
  }
  return [...parts, told.argument].join(" ");
}

/** Show the ends of the scale of the gradient, and whether its sum equals what came in. */
function showSums() {
  const { gradient, upstream } = current;
  const badge = find("badge");
  badge.classList.toggle("equal", false);
  if (!gradient) {
    badge.textContent = `${state.layer.mode} has no gradient`;
    return;
  }
  const [back, came] = [gradient, upstream].map(({ data, channels }) => {
    return data.reduce((total, value, at) => (at % channels === state.channel ? total + value : total), 0);
  });
  const equal = Math.abs(back - came) <= 1e-9 * Math.max(Math.abs(came), 1);
  badge.classList.toggle("equal", equal);
  badge.textContent = equal
    ? `\u2713 \u03a3 gradient = ${short(came)}, as much as came in`
    : `\u2260 \u03a3 gradient = ${short(back, 5)}, and ${short(came)} came in`;
  const limit = limitOf(gradient);
  find("least").textContent = short(-limit, 3);
  find("most").textContent = short(limit, 3);
}

/** Return the largest magnitude in the channel that is shown. */
function limitOf({ data, channels }) {
  return data.reduce((most, value, at) => (at % channels === state.channel ? Math.max(most, Math.abs(value)) : most), 0);
}

function drawPanes(active) {
  const { image, output, gradient } = current;
  const marks = marksOf(active);
  drawPane("input", image, marks.input, (value) => grey(value, state.told));
  drawPane("output", output, marks.output, (value) => grey(value, state.told));
  const back = gradient || { ...image, data: new Float64Array(image.data.length) };
  const limit = limitOf(back);
  drawPane("gradient", back, marks.gradient, (value) => diverging(value, limit));
}

function drawPane(name, image, marks, colour) {
  const { channel } = state;
  const at = (y, x) => valueAt(image, y, x, channel);
  panes[name].draw({
    rows: image.height,
    columns: image.width,
    colour: (y, x) => colour(at(y, x)),
    texts: [(y, x) => short(at(y, x), 3), (y, x) => compact(at(y, x))],
    quiet: name === "gradient",
    marks,
  });
  const size = `${image.height} \u00d7 ${image.width}`;
  panes[name].figure.querySelector(".size").textContent = size;
  const label = `${name[0].toUpperCase()}${name.slice(1)}, ${image.height} by ${image.width} pixels. Arrow keys choose one.`;
  panes[name].host.setAttribute("aria-label", label);
}

/** Return the outlines in each pane. */
function marksOf({ pane, y, x }) {
  const { layer, image, explain } = current;
  const cell = [{ y, x }];
  if (pane === "output") {
    const window = { cells: pools.windowOf(layer, image, y, x), kind: "window" };
    const taken = explain(y, x, state.channel).taps.filter((tap) => tap.taken);
    return {
      input: [window, { cells: taken, kind: "taken" }],
      output: [{ cells: cell, kind: "cursor" }],
      gradient: [window],
    };
  }
  const readers = pools.readers(layer, image, y, x);
  const windows = readers.map((one) => ({ cells: pools.windowOf(layer, image, one.y, one.x), kind: "reader" }));
  const cursor = { cells: cell, kind: "cursor" };
  return {
    input: [...windows, cursor],
    output: readers.map((one) => ({ cells: [one], kind: "window" })),
    gradient: [...windows, cursor],
  };
}

/** Say how an output pixel comes about. */
function explainOutput({ y, x }) {
  const { channel } = state;
  const { taps, result, text } = current.explain(y, x, channel);
  find("said").textContent = `Output (${y}, ${x}) = ${short(result)}`;
  find("because").textContent = reason(taps);
  find("numbers").textContent = text;
  const most = Math.max(...taps.map(({ slope }) => Math.abs(slope)), 0);
  const rows = taps.map((tap) =>
    element(
      "tr",
      { class: tap.taken ? "taken" : null },
      element("th", { scope: "row" }, `(${tap.y}, ${tap.x})`),
      element("td", {}, short(tap.value)),
      element("td", {}, bar(tap.weight, 1, "weight"), Number.isNaN(tap.weight) ? "\u2013" : percent(tap.weight)),
      element("td", {}, bar(tap.slope, most, "slope"), short(tap.slope)),
    ),
  );
  fillTable(find("taps"), ["pixel", "value", "weight", "d out / d in"], rows);
  drawEvery(y, x);
}

/** Return a sentence that says what a mode does with a window. */
function reason(taps) {
  const { mode } = state.layer;
  const weights = taps.map(({ weight }) => weight);
  if (!taps.length) return "The window lies in the padding alone.";
  if (weights.some(Number.isNaN)) return "The library computed this for the crop as it stands.";
  const taken = taps.find(({ weight }) => weight === 1);
  if (taken) return `${mode} takes ${short(taken.value)}, one of ${counted(taps.length, "value")}: it alone gets gradient.`;
  const [least, most] = [Math.min(...weights), Math.max(...weights)];
  if (most - least < 1e-12) return `All ${taps.length} values weigh the same, ${percent(most)}.`;
  const heaviest = taps[weights.indexOf(most)].value;
  const values = taps.map(({ value }) => value);
  const way = heaviest === Math.max(...values) ? "larger" : heaviest === Math.min(...values) ? "smaller" : "more extreme";
  const against = taps.some(({ slope }) => slope < 0) ? " Where d out / d in is below 0, a larger value makes the result smaller." : "";
  return `The ${taps.length} values weigh ${percent(least)} to ${percent(most)}: ${way} ones weigh more.${against}`;
}

/** Say which windows read an input pixel, and what gradient it gets back. */
function explainInput({ y, x }) {
  const { layer, image, gradient, upstream, explain } = current;
  const { channel } = state;
  const readers = pools.readers(layer, image, y, x);
  find("said").textContent = `Input (${y}, ${x}) = ${short(valueAt(image, y, x, channel))}`;
  const parts = readers.map((one) => {
    const own = explain(one.y, one.x, channel);
    const slope = own.taps.find((tap) => tap.y === y && tap.x === x).slope;
    return { ...one, result: own.result, slope, came: valueAt(upstream, one.y, one.x, channel) };
  });
  const total = gradient ? valueAt(gradient, y, x, channel) : NaN;
  find("because").textContent = readers.length
    ? `${counted(readers.length, "window")} read${readers.length === 1 ? "s" : ""} it; it gets back ${short(total)}.`
    : "No window reads it: it gets no gradient.";
  find("numbers").textContent = parts.length
    ? `${parts.map(({ came, slope }) => `${short(came)} \u00b7 ${short(slope)}`).join(" + ")} = ${short(total)}`
    : "0";
  const most = Math.max(...parts.map(({ slope }) => Math.abs(slope)), 0);
  const rows = parts.map((one) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `(${one.y}, ${one.x})`),
      element("td", {}, short(one.result)),
      element("td", {}, short(one.came)),
      element("td", {}, bar(one.slope, most, "slope"), short(one.slope)),
    ),
  );
  fillTable(find("taps"), ["output", "value", "came in", "d out / d in"], rows);
  const kept = state.output;
  drawEvery(kept.y, kept.x);
}

/** Return a bar as long as a value: from the left for weights, to either side of the middle for slopes. */
function bar(value, most, kind) {
  const part = most && Number.isFinite(value) ? Math.min(Math.abs(value) / most, 1) : 0;
  const filled = element("i");
  filled.style.width = `${100 * part * (kind === "slope" ? 0.5 : 1)}%`;
  return element("span", { class: `bar ${kind} ${value < 0 ? "below" : "above"}`, "aria-hidden": "true" }, filled);
}

function fillTable(host, names, rows) {
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
  host.replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

/** Show what each mode makes of one window: its result, its weights, its gradient. */
function drawEvery(y, x) {
  const { told, channel } = state;
  const compared = told.results.map(({ mode }) => mode);
  const asked = [...compared, state.layer.mode].filter((name) => entryOf(name));
  const names = [...new Set([...ALWAYS, ...asked])];
  const explained = names.map((mode) => ({ mode, ...pools.explain(layerOf(mode), current.image, y, x, channel) }));
  const most = Math.max(...explained.flatMap(({ taps }) => taps.map(({ slope }) => Math.abs(slope))));
  const rows = explained.map(({ mode, taps, result }) => {
    const button = element("button", { type: "button", "aria-pressed": String(mode === state.layer.mode) }, mode);
    button.addEventListener("click", () => chooseMode(mode));
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, button),
      element("td", {}, short(result)),
      element("td", {}, tiny(taps, "weight", weighty)),
      element("td", {}, tiny(taps, "slope", (slope) => diverging(slope, most))),
    );
  });
  const focused = document.activeElement?.closest?.("#every button")?.textContent;
  fillTable(find("every"), ["mode", `output (${y}, ${x})`, "weights, %", "d out / d in"], rows);
  if (focused) [...find("every").querySelectorAll("button")].find((one) => one.textContent === focused)?.focus();
}

const TINY = 62;
const WITH_TEXT = 20; // pixels of a cell that has room for a number

/** Return a small picture of what each tap of a window has, in colours and, where there is room, in numbers. */
function tiny(taps, name, colour) {
  const rows = [...new Set(taps.map(({ y }) => y))];
  const columns = [...new Set(taps.map(({ x }) => x))];
  const side = Math.max(Math.min(Math.floor(TINY / Math.max(rows.length, columns.length, 1)), 31), 3);
  const canvas = element("canvas", { "aria-hidden": "true" });
  canvas.style.width = `${side * columns.length}px`;
  const ratio = Math.max(window.devicePixelRatio || 1, 2);
  canvas.width = ratio * side * columns.length;
  canvas.height = ratio * side * rows.length;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = `${side < 28 ? 8.5 : 10}px ui-sans-serif, system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const tap of taps) {
    const [y, x] = [rows.indexOf(tap.y), columns.indexOf(tap.x)];
    const shade = colour(tap[name]);
    context.fillStyle = css(shade);
    context.fillRect(x * side, y * side, side - 1, side - 1);
    context.fillStyle = readable(shade);
    const text = name === "weight" ? short(Math.round(100 * tap.weight)) : compact(tap.slope);
    if (side >= WITH_TEXT) context.fillText(text, (x + 0.5) * side - 0.5, (y + 0.5) * side);
  }
  const said = taps.map((tap) => (name === "weight" ? percent(tap.weight) : short(tap.slope)));
  return element("span", {}, canvas, element("span", { class: "hidden" }, said.join(", ")));
}
