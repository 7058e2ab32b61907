/** Numbers as people read them. */

/** Return a number with so many significant digits, whole numbers whole. */
export function short(value, digits = 4) {
  if (Number.isNaN(value)) return "NaN";
  const size = Math.abs(value);
  return (value < 0 ? "\u2212" : "") + magnitude(size, digits);
}

function magnitude(size, digits) {
  if (size === Infinity) return "\u221e";
  if (size === 0 || (Number.isInteger(size) && size < 1e6)) return String(size);
  if (size >= 1e6 || size < 1e-4) return size.toExponential(Math.max(digits - 2, 0)).replace("e+", "e");
  const text = size.toFixed(Math.max(digits - 1 - Math.floor(Math.log10(size)), 0));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Return a number in the room that a cell has: two decimals of those below 1, about 0 where these are 0. */
export function compact(value) {
  if (!Number.isFinite(value) || Number.isInteger(value) || Math.abs(value) >= 10) return short(value, 3);
  const size = Math.abs(value);
  if (size < 0.005) return "\u22480";
  const text = size < 1 ? size.toFixed(2).replace(/^0/, "") : size.toFixed(1);
  return (value < 0 ? "\u2212" : "") + text;
}

/** Return a share as percent. */
export function percent(share) {
  return share > 0 && share < 1e-4 ? "< 0.01 %" : `${short(100 * share, 3)} %`;
}

/** Return seconds as milliseconds. */
export function time(seconds) {
  return typeof seconds === "number" ? `${short(seconds * 1e3, 3)} ms` : "\u2013";
}

/** Return a figure of a table, which is null where there is none and "infinity" for what JSON cannot say. */
export function figure(value, places, unit) {
  if (value === null) return "\u2013";
  return (value === "infinity" ? "\u221e" : value.toFixed(places)) + unit;
}

/** Return a pair as one number where both are equal. */
export function pair([height, width], sign = "x") {
  return height === width ? String(height) : `${height}${sign}${width}`;
}

/** Return a count with its noun. */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
