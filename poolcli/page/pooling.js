/** One pool of the crop: its output, its gradient, and how an output pixel comes about. */

import { cropped, valueAt } from "./data.js";
import * as pools from "./pools.js";
import { short } from "./numbers.js";
import { state } from "./state.js";

/** Return the layer that is chosen, with the parameters of its mode, or those of another mode. */
export function layerOf(mode = state.layer.mode) {
  return { ...state.layer, mode, parameters: state.parameters[mode] || {} };
}

/** Return a layer whose windows fit an image of this size, and how large each of its numbers may be. */
export function fitted(layer, height, width) {
  const side = Math.min(height, width);
  const most = { F: Math.min(Math.max(9, ...layer.F), side), S: Math.min(Math.max(9, ...layer.S), side) };
  const F = layer.F.map((f) => Math.min(Math.max(f, 1), side));
  most.D = Math.max(1, Math.min(4, Math.floor((side - 1) / Math.max(Math.max(...F) - 1, 1))));
  const D = layer.D.map((d) => Math.min(d, most.D));
  const span = Math.min(...F.map((f, axis) => D[axis] * (f - 1) + 1));
  most.P = Math.floor(span / 2);
  return { layer: { ...layer, F, D, P: layer.P.map((p) => Math.min(p, most.P)) }, most };
}

/** Return the pool of the crop: {layer, image, output, upstream, gradient, explain(y, x, c)}. */
export function pool() {
  const image = cropped(state.told.image, state.crop);
  const layer = layerOf();
  const output = state.exported ? outputOf(state.exported) : pools.forward(layer, image);
  const at = inside(state.output, output);
  const upstream = { ...output, data: new Float64Array(output.data.length) };
  const { channels } = output;
  if (state.upstream === "all") upstream.data.fill(1);
  else upstream.data.fill(1, (at.y * output.width + at.x) * channels, (at.y * output.width + at.x + 1) * channels);
  const gradient = state.exported ? sentBack(state.exported, image, upstream) : pools.backward(layer, image, upstream);
  const explain = state.exported
    ? (y, x, c) => told(state.exported, layer, image, output, { y, x, c })
    : (y, x, c) => pools.explain(layer, image, y, x, c);
  return { layer, image, output, upstream, gradient, explain };
}

/** Return the position within an image that is nearest to one. */
export function inside({ y, x }, { height, width }) {
  return { y: Math.min(Math.max(y, 0), height - 1), x: Math.min(Math.max(x, 0), width - 1) };
}

/** Return the output pixel of the crop whose largest value is farthest above its average. */
export function mostTelling(layer, image, c) {
  const [most, mean] = ["max", "average"].map((mode) => pools.forward({ ...layer, mode, parameters: {} }, image));
  let best = { y: 0, x: 0, apart: -1 };
  for (let y = 0; y < most.height; y++) {
    for (let x = 0; x < most.width; x++) {
      const apart = valueAt(most, y, x, c) - valueAt(mean, y, x, c);
      if (apart > best.apart) best = { y, x, apart };
    }
  }
  return { y: best.y, x: best.x };
}

function outputOf({ values, valuesShape: [height, width, channels] }) {
  return { height, width, channels, data: values };
}

/** Return the gradient of an exported mode; null where it has none. */
function sentBack({ slopes }, image, upstream) {
  if (!slopes) return null;
  const data = new Float64Array(image.data.length);
  const { channels } = image;
  for (let pixel = 0; pixel < upstream.data.length / channels; pixel++) {
    for (let at = 0; at < data.length; at++) {
      data[at] += upstream.data[pixel * channels + (at % channels)] * slopes[pixel * data.length + at];
    }
  }
  return { ...image, data };
}

/** Return what `explain` of pools.js does, of a mode that only the library computes: of draws which value was drawn. */
function told({ slopes, formula, mode }, layer, image, output, { y, x, c }) {
  const begin = (y * output.width + x) * image.data.length;
  const taps = pools.windowOf(layer, image, y, x).map((tap) => {
    const slope = slopes ? slopes[begin + (tap.y * image.width + tap.x) * image.channels + c] : NaN;
    return { ...tap, value: valueAt(image, tap.y, tap.x, c), slope, weight: NaN, taken: false };
  });
  const result = valueAt(output, y, x, c);
  const drawn = taps.filter(({ slope }) => slope !== 0);
  if (drawn.length === 1 && drawn[0].slope === 1) {
    for (const tap of taps) Object.assign(tap, { taken: tap === drawn[0], weight: Number(tap === drawn[0]) });
  }
  return { taps, result, text: `${mode}: ${formula} = ${short(result)}, computed by the library` };
}
