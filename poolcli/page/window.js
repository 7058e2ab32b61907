/** The section of the window: three linked panes of a crop, and how a pixel of the output comes about. */

import { diverging, grey } from "./colours.js";
import { copy, radios } from "./controls.js";
import { drawn, valueAt } from "./data.js";
import { Locator } from "./locator.js";
import { compact, short } from "./numbers.js";
import { Pane } from "./pane.js";
import { fitted, inside, pool } from "./pooling.js";
import * as pools from "./pools.js";
import { explainInput, explainOutput } from "./reading.js";
import { buildSettings, showSettings } from "./settings.js";
import { change, listen, state } from "./state.js";

const find = (id) => document.getElementById(id);
const POOLED = ["layer", "parameters", "crop", "channel", "upstream", "output", "kept", "exported"];

const panes = {};
let current = null; // the pool that is shown
let showUpstream, locator;

/** Build the section, and draw it whenever what it depends on changes. */
export function buildWindow() {
  buildSettings();
  buildPanes();
  locator = new Locator(find("locator"), drawn(state.told));
  find("copy").addEventListener("click", () => copy(find("command").textContent, find("copy")));
  find("alpha-note").hidden = !state.told.alpha;
  find("windows-note").hidden = !state.told.otherWindows;
  listen([...POOLED, "pointed"], redraw);
}

function buildPanes() {
  for (const name of ["input", "output", "gradient"]) {
    panes[name] = new Pane(find(name), {
      point: (cell) => change({ pointed: cell && { pane: name, ...cell } }),
      pick: (cell) => keep({ pane: name, ...cell }),
      step: (down, across) => step(name, down, across),
    });
  }
  const ways = [
    ["all", "the sum of all outputs"],
    ["one", "one output pixel"],
  ];
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
  if (active.pane === "output") explainOutput(current, active);
  else explainInput(current, active);
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
  showUpstream(state.upstream);
  showSums();
  locator.draw();
}

/** Show the ends of the scale of the gradient, and whether its sum equals what came in. */
function showSums() {
  const { gradient, upstream } = current;
  const badge = find("badge");
  if (!gradient) {
    badge.classList.remove("equal");
    for (const name of ["least", "most"]) find(name).textContent = "0";
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
  return data.reduce(
    (most, value, at) => (at % channels === state.channel ? Math.max(most, Math.abs(value)) : most),
    0,
  );
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
  const label = `${name[0].toUpperCase()}${name.slice(1)}, ${image.height} by ${image.width} pixels.`;
  panes[name].host.setAttribute("aria-label", `${label} Arrow keys choose one.`);
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
