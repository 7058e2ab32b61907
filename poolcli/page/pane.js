/** A pane: pixels large enough to be pointed at, with numbers in them and outlines around them. */

import { colours, css, readable } from "./colours.js";

const TALLEST = 480;
const GRID = 8; // pixels of a cell from which on there are lines between cells
const SMALLEST_TEXT = 8;
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * A pane in a figure.
 *
 * A scene is {rows, columns, colour(y, x), texts, quiet, marks}. Its texts are functions of (y, x), the first of those
 * that fit is written; zeros are faint if it is quiet. A mark is {cells, kind}, its kind "window", "reader", "cursor"
 * or "taken". `point(cell)` is called where the reader points, with null when that ends; `pick(cell)` where
 * the reader clicks; `step(down, across)` when an arrow key is pressed.
 */
export class Pane {
  constructor(figure, { point, pick, step } = {}) {
    this.figure = figure;
    this.host = figure.querySelector(".grid") || figure;
    this.canvas = this.host.querySelector("canvas");
    this.scene = null;
    new ResizeObserver(() => this.paint()).observe(this.host);
    if (point) this.listen(point, pick);
    if (step) this.host.addEventListener("keydown", (event) => stepped(event, step));
  }

  listen(point, pick) {
    this.host.addEventListener("pointermove", (event) => point(this.cellAt(event)));
    this.host.addEventListener("pointerleave", () => point(null));
    this.host.addEventListener("pointerdown", (event) => {
      const cell = this.cellAt(event);
      if (cell && pick) pick(cell);
      if (cell && !pick) point(cell);
    });
  }

  /** Return the cell {y, x} under a pointer, or null beside the cells. */
  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const y = Math.floor((event.clientY - box.top) / this.cell);
    const x = Math.floor((event.clientX - box.left) / this.cell);
    const inside = this.scene && y >= 0 && x >= 0 && y < this.scene.rows && x < this.scene.columns;
    return inside ? { y, x } : null;
  }

  draw(scene) {
    this.scene = scene;
    this.paint();
  }

  paint() {
    const width = this.host.clientWidth;
    if (!this.scene || !width) return;
    const { rows, columns } = this.scene;
    this.cell = Math.max(Math.floor(Math.min(width / columns, TALLEST / rows)), 1);
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(columns * this.cell * ratio);
    this.canvas.height = Math.round(rows * this.cell * ratio);
    this.canvas.style.width = `${columns * this.cell}px`;
    this.canvas.style.height = `${rows * this.cell}px`;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paintCells(context);
    this.paintTexts(context);
    for (const mark of this.scene.marks || []) paintMark(context, mark, this.cell);
  }

  paintCells(context) {
    const { rows, columns, colour } = this.scene;
    const side = this.cell - (this.cell >= GRID ? 1 : 0);
    context.fillStyle = css(colours().line);
    context.fillRect(0, 0, columns * this.cell, rows * this.cell);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        context.fillStyle = css(colour(y, x));
        context.fillRect(x * this.cell, y * this.cell, side, side);
      }
    }
  }

  /** Return the first texts that fit into cells, and how large they are. */
  fittingTexts() {
    const { rows, columns } = this.scene;
    for (const text of this.cell < 2 * SMALLEST_TEXT ? [] : this.scene.texts) {
      const texts = Array.from({ length: rows * columns }, (_, k) => text(Math.floor(k / columns), k % columns));
      const longest = Math.max(...texts.map((one) => one.length), 2);
      const size = Math.min(this.cell * 0.36, (this.cell - 4) / (longest * 0.62), 15);
      if (size >= SMALLEST_TEXT) return { texts, size };
    }
    return {};
  }

  paintTexts(context) {
    const { rows, columns, colour, quiet } = this.scene;
    const { texts, size } = this.fittingTexts();
    if (!texts) return;
    context.font = `${size}px ui-sans-serif, system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    texts.forEach((one, k) => {
      const [y, x] = [Math.floor(k / columns), k % columns];
      context.fillStyle = readable(colour(y, x));
      context.globalAlpha = quiet && one === "0" ? 0.3 : 1;
      context.fillText(one, (x + 0.5) * this.cell, (y + 0.53) * this.cell);
    });
    context.globalAlpha = 1;
  }
}

/** Call step(down, across) for an arrow key; with Shift it is told a third time, as `far`. */
export function stepped(event, step) {
  const way = STEPS[event.key];
  if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  step(...way, event.shiftKey);
}

/** Mark cells, on a halo that shows on any colour. */
function paintMark(context, { cells, kind }, side) {
  const { window: accent, halo } = colours();
  const path = kind === "taken" ? corners(cells, side) : outline(cells, side);
  const width = Math.min(WIDTHS[kind] || 0, Math.max(side / 4, 1));
  context.lineCap = "square";
  context.strokeStyle = css(halo);
  context.lineWidth = width + 2;
  context.stroke(path);
  context.strokeStyle = context.fillStyle = css(accent);
  context.lineWidth = width;
  if (kind === "taken") context.fill(path);
  else context.stroke(path);
}

const WIDTHS = { window: 3, reader: 2, cursor: 3 };

/** Return a triangle in the corner of each cell, which leaves its number to be read. */
function corners(cells, side) {
  const path = new Path2D();
  const long = Math.max(side * 0.38, 7);
  for (const { y, x } of cells) {
    const [top, left] = [y * side, x * side];
    path.moveTo(left, top);
    path.lineTo(left + long, top);
    path.lineTo(left, top + long);
    path.closePath();
  }
  return path;
}

/** Return lines where a cell has no neighbour among them. */
function outline(cells, side) {
  const known = new Set(cells.map(({ y, x }) => `${y},${x}`));
  const path = new Path2D();
  for (const { y, x } of cells) {
    const [top, left, bottom, right] = [y * side, x * side, (y + 1) * side - 1, (x + 1) * side - 1];
    const lines = [
      [y - 1, x, left, top, right, top],
      [y + 1, x, left, bottom, right, bottom],
      [y, x - 1, left, top, left, bottom],
      [y, x + 1, right, top, right, bottom],
    ];
    for (const [row, column, ...ends] of lines) {
      if (known.has(`${row},${column}`)) continue;
      path.moveTo(ends[0], ends[1]);
      path.lineTo(ends[2], ends[3]);
    }
  }
  return path;
}
