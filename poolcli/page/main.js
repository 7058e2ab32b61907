/** Starts the page: unpacks what it is told, chooses what is seen first, builds the sections. */

import { buildBack } from "./back.js";
import { onScheme } from "./colours.js";
import { buildComparison } from "./compare.js";
import { cropped, load } from "./data.js";
import { counted } from "./numbers.js";
import { fitted, mostTelling } from "./pooling.js";
import * as pools from "./pools.js";
import { change, state } from "./state.js";
import * as upsamplings from "./upsamplings.js";
import { buildWindow } from "./window.js";

window.poolcli = { pools, upsamplings, state, ready: start() };

async function start() {
  try {
    choose(await load());
    buildWindow();
    buildBack();
    await buildComparison();
    onScheme(() => change({ scheme: true }));
    change({ ...state });
  } catch (error) {
    const failure = document.getElementById("failure");
    failure.textContent = `This page could not start: ${error.message}`;
    failure.hidden = false;
    throw error;
  }
}

/** Show the whole picture, and where the region lies in it. */
function showOverview({ overview, region, height, width }) {
  const host = document.getElementById("overview");
  host.hidden = false;
  host.firstElementChild.src = overview;
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  Object.assign(host.lastElementChild.style, {
    top: percent(region.y, height),
    left: percent(region.x, width),
    height: percent(region.height, height),
    width: percent(region.width, width),
  });
}

/** Choose what is seen first: max, or the first mode that was asked for, at the window where modes differ most. */
function choose(told) {
  const { name, height, width, channels, dtype } = told;
  document.getElementById("name").textContent = name;
  document.getElementById("facts").textContent =
    `${height} \u00d7 ${width} pixels, ${counted(channels.length, "channel")} (${channels.join(", ")}), ${dtype}`;
  if (told.overview) {
    showOverview(told);
  }
  const local = told.results
    .map(({ layer }) => layer)
    .filter(({ mode }) => pools.LOCAL.some((one) => one.name === mode));
  const asked = local[0] || { mode: "max", F: [2, 2], S: [2, 2], P: [0, 0, 0, 0], D: [1, 1] };
  const { parameters: _, ...layer } = asked;
  state.told = told;
  state.exported = null;
  for (const { mode, parameters } of local) state.parameters[mode] ??= parameters;
  state.crop = told.crop;
  state.channel = channels.length >= 3 ? 1 : 0;
  state.layer = fitted(layer, told.crop.height, told.crop.width).layer;
  state.output = mostTelling(state.layer, cropped(told.image, told.crop), state.channel);
  state.kept = { pane: "output", ...state.output };
}
