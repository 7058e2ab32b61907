/** The section of the way back: the crop, pooled by max, enlarged in five ways. */

import { grey } from "./colours.js";
import { Slider, choice, element } from "./controls.js";
import { cropped, valueAt } from "./data.js";
import { compact, counted, short } from "./numbers.js";
import { Pane } from "./pane.js";
import * as pools from "./pools.js";
import { change, listen, state } from "./state.js";
import { maxIndices, upsample } from "./upsamplings.js";

const find = (id) => document.getElementById(id);

const WAYS = {
  input: "The crop.",
  max: "The largest value of each window.",
  unpool: "Each value where max took it from, 0 elsewhere.",
  nails: "Each value in the first pixel of its region, 0 elsewhere.",
  nearest: "Each value over its whole region.",
  bilinear: "Weighted by the distance to the four nearest values.",
  transposed: "Each value times weights of F \u00d7 F pixels, added up.",
  flat: "The same of a picture that is 1 everywhere: what the weights add up to.",
};
const TITLES = { input: "input", flat: "of ones" };

const panes = {};
const sliders = {};
let weights;

/** Build the section. */
export function buildBack() {
  const set = (name) => (value) => change({ back: { ...state.back, [name]: value } });
  state.back = { S: 2, F: 3, weights: "equal" };
  sliders.S = new Slider("S stride", { min: 2, max: 4, name: "back-S", title: "Stride, there and back" }, set("S"));
  sliders.F = new Slider(
    "F of transposed",
    { min: 1, max: 8, name: "back-F", title: "Pixels of the weights" },
    set("F"),
  );
  const words = [
    ["equal", "equal"],
    ["box", "box, normalised"],
    ["bilinear", "bilinear"],
    ["gaussian", "gaussian"],
  ];
  weights = choice("Its weights", "weights", words, set("weights"));
  find("back-sliders").append(sliders.S.node, sliders.F.node, weights.node);
  for (const [name, text] of Object.entries(WAYS)) {
    const figure = element(
      "figure",
      { id: `way-${name}` },
      element("figcaption", {}, element("b", {}, TITLES[name] || name), " ", element("span", { class: "size" })),
      element("div", { class: "grid" }, element("canvas", { role: "img" })),
      element("p", { class: "note" }, text),
    );
    find("ways").append(figure);
    panes[name] = new Pane(figure, { point: (cell) => point(name, cell) });
  }
  listen(["crop", "channel", "back"], redraw);
}

let pictures = {};
let pointed = null; // a pixel of the crop

function point(name, cell) {
  const S = name === "max" ? state.back.S : 1;
  pointed = cell && { y: cell.y * S, x: cell.x * S };
  draw();
}

function redraw() {
  pictures = computed();
  draw();
  showBack();
}

/** Return the crop, cut to whole windows, what max makes of it, and what each way back makes of that. */
function computed() {
  const { S, F, weights: kind } = state.back;
  const { crop, told } = state;
  const height = Math.max(crop.height - (crop.height % S), 1);
  const width = Math.max(crop.width - (crop.width % S), 1);
  const input = cropped(told.image, { ...crop, height, width });
  const layer = { mode: "max", F: [S, S], S: [S, S], P: [0, 0, 0, 0], D: [1, 1], parameters: {} };
  const small = pools.forward(layer, input);
  const asked = { S: [S, S], F: [F, F], weights: kind, indices: maxIndices(layer, input), size: [height, width] };
  const found = { input, max: small };
  for (const name of ["unpool", "nails", "nearest", "bilinear", "transposed"])
    found[name] = upsample(name, small, asked);
  found.flat = upsample("transposed", { ...small, data: small.data.map(() => 1) }, asked);
  return found;
}

function draw() {
  const { S } = state.back;
  for (const [name, image] of Object.entries(pictures)) {
    const ends = name === "flat" ? { black: 0, peak: Math.max(...image.data) } : state.told;
    const at = (y, x) => valueAt(image, y, x, state.channel);
    const scale = name === "max" ? S : 1;
    const cell = pointed && { y: Math.floor(pointed.y / scale), x: Math.floor(pointed.x / scale) };
    panes[name].draw({
      rows: image.height,
      columns: image.width,
      colour: (y, x) => grey(at(y, x), ends),
      texts: [(y, x) => short(at(y, x), 3), (y, x) => compact(at(y, x))],
      marks: cell && cell.y < image.height && cell.x < image.width ? [{ cells: [cell], kind: "cursor" }] : [],
    });
    panes[name].figure.querySelector(".size").textContent = `${image.height} \u00d7 ${image.width}`;
    const label = `${TITLES[name] || name}, ${image.height} by ${image.width} pixels`;
    panes[name].canvas.setAttribute("aria-label", label);
  }
}

function showBack() {
  const { S, F, weights: kind } = state.back;
  sliders.S.show(S, String(S));
  sliders.F.show(F, String(F));
  weights.select.value = kind;
  const sums = [...new Set(Array.from(pictures.flat.data, (value) => short(value, 3)))];
  const why =
    kind === "equal"
      ? `F = ${F} is ${F % S ? "no" : "a"} multiple of S = ${S}`
      : `${kind} weights are normalised where they meet`;
  find("checkerboard").textContent =
    sums.length > 1
      ? `Checkerboard: ${why}, so weights add up to ${counted(sums.length, "different sum")}: ${sums.join(", ")}.`
      : `No checkerboard: ${why}, so weights add up to ${sums[0]} everywhere.`;
}
