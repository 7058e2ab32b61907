/** The settings of the window: its mode, its sliders, its channel, and the command line that pools so. */

import { Slider, choice, element, radios } from "./controls.js";
import { pair, short } from "./numbers.js";
import { inside } from "./pooling.js";
import * as pools from "./pools.js";
import { change, state } from "./state.js";

const find = (id) => document.getElementById(id);
const TEXTS = { beta: "\u03b2", lam: "\u03bb", count_include_pad: "count padding" };
const LARGEST_CROP = 32; // pixels

const sliders = {};
let showMode, showChannel;

/** Build the controls. */
export function buildSettings() {
  buildModes();
  buildSliders();
  buildChannels();
}

function buildModes() {
  const { results } = state.told;
  const local = pools.LOCAL.map(({ name }) => [name, name]);
  const exported = results.flatMap((result, k) => (result.values ? [[`result ${k}`, `${result.label}*`]] : []));
  showMode = radios(find("modes"), "mode", [...local, ...exported], chooseMode);
  if (exported.length) find("modes").after(element("p", { class: "note" }, "* computed by the library, for one crop; what is drawn differs from crop to crop"));
}

/** Choose a mode by its name, or one that only the library computes by the number of its result. */
export function chooseMode(value) {
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
}

function buildChannels() {
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

/** Show what is set, and how large each number may be. */
export function showSettings(most) {
  const { layer, exported, crop, told } = state;
  showMode(exported ? `result ${told.results.indexOf(exported)}` : layer.mode);
  if (showChannel) showChannel(String(state.channel));
  for (const name of ["F", "S", "D"]) {
    sliders[name].show(layer[name][0], pair(layer[name], " \u00d7 "), { max: most[name] });
  }
  const even = layer.P.every((p) => p === layer.P[0]);
  sliders.P.show(layer.P[0], even ? String(layer.P[0]) : layer.P.join(", "), { max: most.P });
  const largest = Math.min(Math.max(LARGEST_CROP, crop.height), told.region.height, told.region.width);
  const size = pair([crop.height, crop.width], " \u00d7 ");
  sliders.crop.show(crop.height, size, { min: Math.min(4, largest), max: largest });
  for (const slider of Object.values(sliders)) slider.input.disabled = Boolean(exported);
  showParameters();
  find("shown-formula").textContent = `${layer.mode} = ${formulaOf()}`;
  find("command").textContent = commandLine();
}

function formulaOf() {
  return state.exported ? state.exported.formula : entryOf(state.layer.mode).formula;
}

/** Return the entry of a mode that the page computes. */
export function entryOf(mode) {
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
  const words = row.choices.map((value) => [
    String(value),
    typeof value === "boolean" ? (value ? "yes" : "no") : value,
  ]);
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
