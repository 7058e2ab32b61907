/** How a pixel comes about: the numbers of its window, the formula with these in it, and the same of every mode. */

import { css, diverging, readable, weighty } from "./colours.js";
import { element } from "./controls.js";
import { valueAt } from "./data.js";
import { compact, counted, percent, short } from "./numbers.js";
import { layerOf } from "./pooling.js";
import * as pools from "./pools.js";
import { chooseMode, entryOf } from "./settings.js";
import { state } from "./state.js";

const find = (id) => document.getElementById(id);
const ALWAYS = ["max", "average", "soft"];

/** Say how an output pixel comes about. */
export function explainOutput(current, { y, x }) {
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
  drawEvery(current.image, { y, x });
}

/** Return a sentence that says what a mode does with a window. */
function reason(taps) {
  const { mode } = state.layer;
  const weights = taps.map(({ weight }) => weight);
  if (!taps.length) return "The window lies in the padding alone.";
  if (weights.some(Number.isNaN)) return "The library computed this for the crop as it stands.";
  const taken = taps.find(({ weight }) => weight === 1);
  if (taken)
    return `${mode} takes ${short(taken.value)}, one of ${counted(taps.length, "value")}: it alone gets gradient.`;
  const [least, most] = [Math.min(...weights), Math.max(...weights)];
  if (most - least < 1e-12) return `All ${taps.length} values weigh the same, ${percent(most)}.`;
  const heaviest = taps[weights.indexOf(most)].value;
  const values = taps.map(({ value }) => value);
  const way =
    heaviest === Math.max(...values) ? "larger" : heaviest === Math.min(...values) ? "smaller" : "more extreme";
  const against = taps.some(({ slope }) => slope < 0)
    ? " Where d out / d in is below 0, a larger value makes the result smaller."
    : "";
  return `The ${taps.length} values weigh ${percent(least)} to ${percent(most)}: ${way} ones weigh more.${against}`;
}

/** Say which windows read an input pixel, and what gradient it gets back. */
export function explainInput(current, { y, x }) {
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
  drawEvery(image, state.output);
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
function drawEvery(image, { y, x }) {
  const { told, channel } = state;
  const compared = told.results.map(({ mode }) => mode);
  const asked = [...compared, state.layer.mode].filter((name) => entryOf(name));
  const names = [...new Set([...ALWAYS, ...asked])];
  const explained = names.map((mode) => ({ mode, ...pools.explain(layerOf(mode), image, y, x, channel) }));
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
      element(
        "td",
        {},
        tiny(taps, "slope", (slope) => diverging(slope, most)),
      ),
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
