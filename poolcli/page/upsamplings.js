/**
 * The way back: what enlarges a pooled image.
 *
 * Images are those of pools.js, S and F pairs (height, width), and size (height, width) is that of the result, S times
 * the image unless given. nearest and bilinear need either.
 */

import { firstWhere, outputSize, visitWindows } from "./pools.js";

const KINDS = {
  unpool: (small, { indices, size }) => unpool(small, indices, size),
  nails: (small, { S, size }) => nails(small, S, size),
  nearest: (small, { size }) => separable(small, nearestTaps, size),
  bilinear: (small, { size }) => separable(small, bilinearTaps, size),
  transposed: (small, { F, S, size, weights }) => transposed(small, F, S, size, weights),
};

/**
 * Return an enlarged image; kind is unpool, nails, nearest, bilinear or transposed.
 *
 * `indices` of unpool are those of `maxIndices`, and size is that of their image. F of transposed is 2 S - S mod 2
 * unless given. Its `weights` are "equal", S / F along either axis, unless given: how many meet in a pixel differs
 * where F is no multiple of S, which makes a checkerboard. "box", "bilinear" and "gaussian" are those of the library:
 * weights that meet in a pixel sum to 1.
 */
export function upsample(kind, small, asked) {
  if (!KINDS[kind]) throw new RangeError(`kind ${kind} is none of ${Object.keys(KINDS).join(", ")}`);
  const size = asked.size || [small.height * asked.S[0], small.width * asked.S[1]];
  return KINDS[kind](small, { ...asked, size });
}

/** Return where max found each value of its output, row * width + column of the image, the first of equals; or -1. */
export function maxIndices(layer, image) {
  const [height, width] = outputSize(layer, image.height, image.width);
  const found = new Int32Array(height * width * image.channels);
  visitWindows(layer, image, (at, places) => {
    const r = places.map((place) => image.data[place]);
    const best = places[firstWhere(r, (value, largest) => value > largest)];
    found[at] = places.length ? Math.floor(best / image.channels) : -1;
  });
  return found;
}

function blank(image, [height, width]) {
  return { ...image, height, width, data: new Float64Array(height * width * image.channels) };
}

/** Put each value at its index, the largest where several have the same. */
function unpool(small, indices, size) {
  const out = blank(small, size);
  const filled = new Uint8Array(out.data.length);
  small.data.forEach((value, k) => {
    const place = indices[k] * small.channels + (k % small.channels);
    if (place >= 0 && (!filled[place] || value > out.data[place])) out.data[place] = value;
    if (place >= 0) filled[place] = 1;
  });
  return out;
}

/** Put each value into the first pixel of its region. */
function nails(small, S, size) {
  const out = blank(small, size);
  const { channels } = small;
  for (let y = 0; y < small.height && y * S[0] < size[0]; y++) {
    for (let x = 0; x < small.width && x * S[1] < size[1]; x++) {
      const from = (y * small.width + x) * channels;
      const to = (y * S[0] * size[1] + x * S[1]) * channels;
      for (let c = 0; c < channels; c++) out.data[to + c] = small.data[from + c];
    }
  }
  return out;
}

/** Return an image whose pixels are weighted sums of rows and columns, which tapsOf(n, length) gives for each axis. */
function separable(small, tapsOf, size) {
  return blend(small, size, tapsOf(small.height, size[0]), tapsOf(small.width, size[1]));
}

/** Return the same of taps [position, weight] of each row and each column. */
function blend(small, size, rows, columns) {
  const out = blank(small, size);
  const { channels, width, data } = small;
  let at = 0;
  for (const ys of rows) {
    for (const xs of columns) {
      for (let c = 0; c < channels; c++, at++) {
        for (const [y, down] of ys) {
          for (const [x, across] of xs) out.data[at] += down * across * data[(y * width + x) * channels + c];
        }
      }
    }
  }
  return out;
}

function nearestTaps(n, length) {
  return Array.from({ length }, (_, i) => [[Math.floor(((2 * i + 1) * n) / (2 * length)), 1]]);
}

/** Return two neighbours of each half-pixel position, the border clamped. */
function bilinearTaps(n, length) {
  return Array.from({ length }, (_, i) => {
    const x = ((i + 0.5) * n) / length - 0.5;
    const first = Math.floor(x);
    const inside = (k) => Math.min(Math.max(k, 0), n - 1);
    return [
      [inside(first), 1 - (x - first)],
      [inside(first + 1), x - first],
    ];
  });
}

/** Add each value times the weights, S pixels apart, and cut to the size: of an odd number one pixel more before. */
function transposed(small, F, S, size, weights = "equal") {
  const window = F || S.map((stride) => 2 * stride - (stride % 2));
  const [rows, columns] = [small.height, small.width].map((n, axis) =>
    transposedTaps(n, size[axis], window[axis], S[axis], weights),
  );
  return blend(small, size, rows, columns);
}

function transposedTaps(n, length, f, s, weights) {
  const cut = Math.ceil(Math.max((n - 1) * s + f - length, 0) / 2);
  return Array.from({ length }, (_, i) => {
    const taps = [];
    for (let k = 0; k < n; k++) {
      const tap = i + cut - k * s;
      if (tap >= 0 && tap < f) taps.push([k, CURVES[weights](Math.abs(tap - (f - 1) / 2), f, s)]);
    }
    const met = weights === "equal" ? 1 : taps.reduce((total, [, weight]) => total + weight, 0);
    return taps.map(([k, weight]) => [k, weight / met]);
  });
}

/** Of each name the weight of a tap that is x away from the middle of f. */
const CURVES = {
  equal: (x, f, s) => s / f,
  box: () => 1,
  bilinear: (x, f) => 1 - x / Math.floor((f + 1) / 2),
  gaussian: (x, f) => Math.exp(-0.5 * (x / (f / 6)) ** 2),
};
