/** Colours of numbers, in the light and in the dark. */

let palette = null;

/** Return the colours that the style sheet names, as [red, green, blue]. */
export function colours() {
  if (!palette) {
    const style = getComputedStyle(document.documentElement);
    const names = ["paper", "ink", "window", "plus", "minus", "zero", "halo", "line"];
    palette = Object.fromEntries(names.map((name) => [name, parsed(style.getPropertyValue(`--${name}`))]));
  }
  return palette;
}

/** Call a function whenever the reader changes between light and dark. */
export function onScheme(redraw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    palette = null;
    redraw();
  });
}

function parsed(text) {
  const number = parseInt(text.trim().slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** Return the grey of a value on a scale from `black` to `peak`. */
export function grey(value, { black, peak }) {
  const shade = Math.round(Math.min(Math.max((value - black) / (peak - black), 0), 1) * 255) || 0;
  return [shade, shade, shade];
}

/** Return the colour of a value on a scale around 0, whose ends are at -limit and limit. */
export function diverging(value, limit) {
  const { plus, minus, zero } = colours();
  return mixed(zero, value < 0 ? minus : plus, limit ? Math.abs(value) / limit : 0);
}

/** Return the colour of a share of a result, 0 to 1; small ones are told apart, as areas of circles are. */
export function weighty(share) {
  const { zero, window } = colours();
  return mixed(zero, window, Math.sqrt(Math.min(Math.max(share, 0), 1)) || 0);
}

function mixed(from, to, share) {
  return from.map((component, k) => Math.round(component + (to[k] - component) * share));
}

/** Return a colour as CSS has it. */
export function css([red, green, blue], alpha = 1) {
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** Return black or white, whichever is read more easily on a colour. */
export function readable(colour) {
  const [red, green, blue] = colour.map((component) => (component / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff";
}
