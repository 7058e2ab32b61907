/**
 * Local pools: where windows lie, what a mode makes of each, and the gradient of that.
 *
 * An image is {height, width, channels, data}: a Float64Array in row order, channels last. It may have `maximum`, the
 * value that counts as 1 to soft, 1 unless given: 255 where values are those of bytes. A layer is {mode, F, S, P, D,
 * parameters}: pairs (height, width), padding (top, bottom, left, right), and parameters named as in the API.
 *
 * A mode is an entry of LOCAL. `state(r, n, parameters)` is what it makes of the values r of a window, {result, ...}; n
 * is what a mean divides by. `weight` and `slope` of a value r_k are its share of the result and d result / d r_k, and
 * `text` is the formula with the numbers in it. `nothing` is the result of a window in the padding alone.
 */

const PARAMETERS = {
  beta: { name: "beta", min: -20, max: 20, step: 0.05, default: 1 },
  p: { name: "p", min: 0.1, max: 20, step: 0.1, default: 3 },
  q: { name: "q", min: 0, max: 100, step: 1, default: 50 },
  lam: { name: "lam", min: 0, max: 1, step: 0.05, default: 0.5 },
  norm: { name: "norm", choices: ["size", "mean", "sum"], default: "size" },
  count_include_pad: { name: "count_include_pad", choices: [false, true], default: false },
};

/** The modes. A parameter has min, max and step, or choices. */
export const LOCAL = [
  {
    name: "max",
    formula: "max(r)",
    parameters: [],
    ...selecting((r) => firstWhere(r, (value, best) => value > best)),
    text: (r) => `max(${listed(r)})`,
    nothing: () => -Infinity,
  },
  {
    name: "min",
    formula: "min(r)",
    parameters: [],
    ...selecting((r) => firstWhere(r, (value, best) => value < best)),
    text: (r) => `min(${listed(r)})`,
    nothing: () => Infinity,
  },
  {
    name: "median",
    formula: "sorted(r)[floor((n - 1) / 2)]",
    parameters: [],
    ...selecting((r) => ofRank(r, Math.floor((r.length - 1) / 2))),
    text: (r) => ranked(r, `floor((${r.length} - 1) / 2)`, Math.floor((r.length - 1) / 2)),
  },
  {
    name: "percentile",
    formula: "sorted(r)[floor(q/100 (n - 1))]",
    parameters: [PARAMETERS.q],
    ...selecting((r, { q }) => ofRank(r, rankOf(q, r.length))),
    text: (r, state, { q }) => ranked(r, `floor(${shown(q)}/100 (${r.length} - 1))`, rankOf(q, r.length)),
  },
  {
    name: "average",
    formula: "sum(r) / n",
    parameters: [PARAMETERS.count_include_pad],
    state: (r, n) => ({ result: sum(r) / n, n }),
    weight: (value, k, { n }) => 1 / n,
    slope: (value, k, { n }) => 1 / n,
    text: (r, { n }) => `(${added(r.map(inBrackets))}) / ${n}`,
    nothing: ({ count_include_pad }) => (count_include_pad ? 0 : NaN),
  },
  {
    name: "l2",
    formula: "(1/n) sqrt(sum(r^2))",
    parameters: [PARAMETERS.norm, PARAMETERS.count_include_pad],
    ...norm(({ norm }) => ({ p: 2, norm, magnitude: Math.abs })),
    text: (r, { n }, { norm }) => divided(added(r.map((value) => `${inBrackets(value)}^2`)), n, norm, "sqrt", ""),
  },
  {
    name: "lp",
    formula: "(1/n) (sum(|r|^p))^(1/p)",
    parameters: [PARAMETERS.p, PARAMETERS.norm, PARAMETERS.count_include_pad],
    ...norm(({ p, norm }) => ({ p, norm, magnitude: Math.abs })),
    text: (r, { n }, { p, norm }) =>
      divided(added(r.map((value) => `|${shown(value)}|^${shown(p)}`)), n, norm, "", `^(1/${shown(p)})`),
  },
  {
    name: "gem",
    formula: "(sum(max(r, 0)^p) / n)^(1/p)",
    parameters: [PARAMETERS.p],
    ...norm(({ p }) => ({ p, norm: "mean", magnitude: (value) => Math.max(value, 0) })),
    text: (r, { n }, { p }) =>
      divided(added(r.map((value) => `${shown(Math.max(value, 0))}^${shown(p)}`)), n, "mean", "", `^(1/${shown(p)})`),
  },
  {
    name: "mixed",
    formula: "lam max(r) + (1 - lam) sum(r) / n",
    parameters: [PARAMETERS.lam],
    state: mixture,
    weight: mixtureShare,
    slope: mixtureShare,
    text: (r, { n }, { lam }) =>
      `${shown(lam)} max(${listed(r)}) + (1 - ${shown(lam)}) (${added(r.map(inBrackets))}) / ${n}`,
  },
  {
    name: "soft",
    formula: "sum(r e^(beta r)) / sum(e^(beta r))",
    parameters: [PARAMETERS.beta],
    state: softmax,
    weight: softShare,
    slope: (value, k, state, parameters) =>
      softShare(value, k, state, parameters) * (1 + sharpness(parameters) * (value - state.result)),
    text: (r, state, parameters) => {
      const powers = r.map((value) => power(value, parameters));
      return `(${added(powers.map((power, k) => `${inBrackets(r[k])} ${power}`))}) / (${added(powers)})`;
    },
  },
];

/** Return how many rows and columns a layer makes of an image of this size; 0 where the window is larger. */
export function outputSize(layer, height, width) {
  return axesOf(layer, height, width).map(windowCount);
}

/** Return the pixels {y, x} that are read for output pixel (y, x), in row order, those in the padding left out. */
export function windowOf(layer, image, y, x) {
  const [rows, columns] = axesOf(layer, image.height, image.width);
  const xs = taps(columns, x);
  return taps(rows, y).flatMap((row) => xs.map((column) => ({ y: row, x: column })));
}

/** Return the output pixels {y, x} whose windows read pixel (y, x) of the image. */
export function readers(layer, image, y, x) {
  const [rows, columns] = axesOf(layer, image.height, image.width);
  const xs = readersAlong(columns, x);
  return readersAlong(rows, y).flatMap((row) => xs.map((column) => ({ y: row, x: column })));
}

/** Return what a layer makes of an image. */
export function forward(layer, image) {
  const mode = modeOf(layer);
  const parameters = parametersOf(layer, image);
  const [height, width] = outputSize(layer, image.height, image.width);
  const out = { ...image, height, width, data: new Float64Array(height * width * image.channels) };
  visitWindows(layer, image, (at, places) => {
    const r = places.map((place) => image.data[place]);
    out.data[at] = pooled(mode, r, divisor(layer, r, parameters), parameters).result;
  });
  return out;
}

/** Return the gradient of sum(grad * forward(layer, image)) with respect to the image; grad is an image. */
export function backward(layer, image, grad) {
  const mode = modeOf(layer);
  const parameters = parametersOf(layer, image);
  const back = { ...image, data: new Float64Array(image.data.length) };
  visitWindows(layer, image, (at, places) => {
    const r = places.map((place) => image.data[place]);
    const state = pooled(mode, r, divisor(layer, r, parameters), parameters);
    for (let k = 0; k < r.length; k++) {
      back.data[places[k]] += grad.data[at] * mode.slope(r[k], k, state, parameters);
    }
  });
  return back;
}

/**
 * Return how channel c of output pixel (y, x) comes about: {taps, result, text}.
 *
 * A tap is {y, x, value, weight, slope, taken}: where it stands, its share of the result, d result / d value, and
 * whether it is the value that max, min or a rank takes.
 */
export function explain(layer, image, y, x, c) {
  const mode = modeOf(layer);
  const parameters = parametersOf(layer, image);
  const places = windowOf(layer, image, y, x);
  const r = places.map((place) => image.data[(place.y * image.width + place.x) * image.channels + c]);
  const state = pooled(mode, r, divisor(layer, r, parameters), parameters);
  const taps = places.map((place, k) => ({
    ...place,
    value: r[k],
    weight: mode.weight(r[k], k, state, parameters),
    slope: mode.slope(r[k], k, state, parameters),
    taken: k === state.taken,
  }));
  const text = r.length ? mode.text(r, state, parameters) : "the window lies in the padding alone";
  return { taps, result: state.result, text: `${text} = ${shown(state.result)}` };
}

/** Call visit(at, places) for each value of the output: its place in the data, and those of what it is made of. */
export function visitWindows(layer, image, visit) {
  const { height, width, channels } = image;
  const [rows, columns] = axesOf(layer, height, width).map((axis) =>
    Array.from({ length: windowCount(axis) }, (_, i) => taps(axis, i)),
  );
  let at = 0;
  for (const ys of rows) {
    for (const xs of columns) {
      const pixels = ys.flatMap((y) => xs.map((x) => (y * width + x) * channels));
      for (let c = 0; c < channels; c++) visit(at++, c ? pixels.map((pixel) => pixel + c) : pixels);
    }
  }
}

/** Return the entry of a layer's mode. */
function modeOf(layer) {
  const mode = LOCAL.find((entry) => entry.name === layer.mode);
  if (!mode) throw new RangeError(`mode ${layer.mode} is none of ${LOCAL.map((entry) => entry.name).join(", ")}`);
  return mode;
}

/** Return the values of all parameters of a layer, and `maximum` of the image. */
function parametersOf(layer, image) {
  const defaults = modeOf(layer).parameters.map((parameter) => [parameter.name, parameter.default]);
  return { ...Object.fromEntries(defaults), ...layer.parameters, maximum: image.maximum ?? 1 };
}

/** Return what a mean of the values r divides by. */
function divisor(layer, r, parameters) {
  return parameters.count_include_pad ? layer.F[0] * layer.F[1] : r.length;
}

function pooled(mode, r, n, parameters) {
  return r.length ? mode.state(r, n, parameters) : { result: mode.nothing ? mode.nothing(parameters) : NaN };
}

/** Return both axes of a layer, rows first: {n, f, s, before, after, d}. */
function axesOf({ F, S, P, D }, height, width) {
  return [
    { n: height, f: F[0], s: S[0], before: P[0], after: P[1], d: D[0] },
    { n: width, f: F[1], s: S[1], before: P[2], after: P[3], d: D[1] },
  ];
}

function windowCount({ n, f, s, before, after, d }) {
  return Math.max(Math.floor((n + before + after - d * (f - 1) - 1) / s) + 1, 0);
}

/** Return the positions that window i of an axis reads. */
function taps({ n, f, s, before, d }, i) {
  const found = [];
  for (let k = 0; k < f; k++) {
    const at = i * s - before + k * d;
    if (at >= 0 && at < n) found.push(at);
  }
  return found;
}

/** Return the windows of an axis that read a position. */
function readersAlong(axis, at) {
  const found = [];
  for (let i = 0; i < windowCount(axis); i++) {
    const distance = at + axis.before - i * axis.s;
    if (distance >= 0 && distance % axis.d === 0 && distance / axis.d < axis.f) found.push(i);
  }
  return found;
}

/** Return a mode that takes the value which `choose` gives the number of. */
function selecting(choose) {
  const isTaken = (value, k, { taken }) => (k === taken ? 1 : 0);
  return {
    state: (r, n, parameters) => {
      const taken = choose(r, parameters);
      return { result: r[taken], taken };
    },
    weight: isTaken,
    slope: isTaken,
  };
}

/** Return the number of the best value, the first of equal ones; of the first NaN, where there is one. */
export function firstWhere(r, better) {
  let best = 0;
  for (let k = 0; k < r.length; k++) {
    if (Number.isNaN(r[k])) return k;
    if (better(r[k], r[best])) best = k;
  }
  return best;
}

const sorted = (r) => [...Float64Array.from(r).sort()];

/** Return the number of the value of a rank, the first of equal ones; of the first NaN, where there is one. */
function ofRank(r, rank) {
  const wanted = sorted(r)[rank];
  const odd = r.findIndex(Number.isNaN);
  return odd < 0 ? r.findIndex((value) => value === wanted) : odd;
}

const rankOf = (q, n) => Math.floor((q * (n - 1)) / 100);

function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/**
 * Return a norm: m (sum((a / m)^p))^(1/p), a the magnitudes and m the largest of them, so that no power overflows.
 *
 * Of norm "size" it is divided by n, of "mean" the sum is, of "sum" neither.
 */
function norm(asked) {
  return {
    state: (r, n, parameters) => {
      const { p, norm, magnitude } = asked(parameters);
      const m = r.reduce((largest, value) => Math.max(largest, magnitude(value)), 0) || 1;
      const total = sum(r.map((value) => (magnitude(value) / m) ** p));
      const mean = norm === "mean" ? total / n : total;
      const common = mean ** (1 / p - 1) / (norm === "sum" ? 1 : n);
      return { result: (m * mean ** (1 / p)) / (norm === "size" ? n : 1), m, n, total, common };
    },
    weight: (value, k, { m, total }, parameters) => {
      const { p, magnitude } = asked(parameters);
      return total ? (magnitude(value) / m) ** p / total : 0;
    },
    slope: (value, k, { m, common }, parameters) => {
      const { p, magnitude } = asked(parameters);
      const share = magnitude(value) / m;
      return share ? Math.sign(value) * share ** (p - 1) * common : 0;
    },
    nothing: (parameters) => (parameters.count_include_pad || asked(parameters).norm === "sum" ? 0 : NaN),
  };
}

function mixture(r, n, { lam }) {
  const taken = firstWhere(r, (value, best) => value > best);
  return { result: lam * r[taken] + (1 - lam) * (sum(r) / n), taken, n };
}

function mixtureShare(value, k, { taken, n }, { lam }) {
  return (k === taken ? lam : 0) + (1 - lam) / n;
}

/** Return beta for values as they are. */
const sharpness = ({ beta, maximum }) => beta / maximum;

/** Return the text of e^(beta r), with r as the share that it counts as. */
function power(value, { beta, maximum }) {
  if (maximum === 1) return `e^${inBrackets(beta * value)}`;
  return `e^(${beta === 1 ? shown(value) : `${shown(beta)}\u00b7${inBrackets(value)}`}/${shown(maximum)})`;
}

/** Weigh by e^(beta (r - m)), m the heaviest value: no exponential overflows. */
function softmax(r, n, parameters) {
  const beta = sharpness(parameters);
  const m = r[firstWhere(r, (value, best) => (beta < 0 ? value < best : value > best))];
  const weights = r.map((value) => Math.exp(beta * (value - m)));
  const total = sum(weights);
  return { result: sum(weights.map((weight, k) => weight * r[k])) / total, m, total };
}

function softShare(value, k, { m, total }, parameters) {
  return Math.exp(sharpness(parameters) * (value - m)) / total;
}

/** Return a number as texts have it: whole numbers whole, others with five digits. */
export function shown(value) {
  return String(Number.isInteger(value) && Math.abs(value) < 1e15 ? value : Number(value.toPrecision(5)));
}

const inBrackets = (value) => (value < 0 ? `(${shown(value)})` : shown(value));

const MOST_SHOWN = 25;

/** Return texts, of very many the first ones and the last. */
function few(texts) {
  return texts.length > MOST_SHOWN ? [...texts.slice(0, MOST_SHOWN - 2), "...", texts.at(-1)] : texts;
}

const added = (texts) => few(texts).join(" + ");
const listed = (r) => few(r.map(shown)).join(", ");

function ranked(r, rank, number) {
  return `sorted(r) = (${listed(sorted(r))}), sorted(r)[${rank}] = sorted(r)[${number}]`;
}

/** Return the root of a sum, which has a name before or an exponent after it, divided as its norm is. */
function divided(total, n, norm, before, after) {
  const inside = norm === "mean" ? `(${total}) / ${n}` : total;
  return `${norm === "size" ? `(1/${n}) ` : ""}${before}(${inside})${after}`;
}
