/** What the reader has chosen; the sections of the page draw what it says. */

export const state = {
  told: null, // what the page was told
  layer: null, // of the window: {mode, F, S, P, D}
  parameters: {}, // of each mode by its name
  crop: null, // {y, x, height, width} in the region
  channel: 0,
  upstream: "all", // the gradient is that of the sum of all output pixels, or of one
  output: { y: 0, x: 0 }, // the output pixel that is kept
  kept: null, // what is kept: {pane, y, x}
  pointed: null, // what is pointed at, or null
};

const listeners = [];

/** Call a function after every change of one of these, with what has changed. */
export function listen(names, redraw) {
  listeners.push({ names: [...names, "scheme"], redraw });
}

/** Change what is chosen, and draw it; `scheme` is the reader's change between light and dark. */
export function change(chosen) {
  Object.assign(state, chosen);
  for (const { names, redraw } of listeners) {
    if (names.some((name) => name in chosen)) redraw(chosen);
  }
}
