/** The picture with the place of the crop in it, which the reader moves. */

import { colours, css } from "./colours.js";
import { inside } from "./pooling.js";
import { stepped } from "./pane.js";
import { change, state } from "./state.js";

const FAR = 8; // pixels that a step with Shift goes

export class Locator {
  constructor(host, picture) {
    this.host = host;
    this.picture = picture;
    this.canvas = host.querySelector("canvas");
    new ResizeObserver(() => this.draw()).observe(host);
    host.addEventListener("pointerdown", (event) => {
      host.setPointerCapture(event.pointerId);
      this.follow(event);
    });
    host.addEventListener("pointermove", (event) => {
      if (host.hasPointerCapture(event.pointerId)) this.follow(event);
    });
    host.addEventListener("keydown", (event) => {
      stepped(event, (down, across, far) => {
        const by = far ? FAR : 1;
        moveTo(state.crop.y + down * by, state.crop.x + across * by);
      });
    });
  }

  follow(event) {
    const box = this.canvas.getBoundingClientRect();
    const y = ((event.clientY - box.top) / box.height) * this.picture.height;
    const x = ((event.clientX - box.left) / box.width) * this.picture.width;
    moveTo(Math.round(y - state.crop.height / 2), Math.round(x - state.crop.width / 2));
  }

  draw() {
    const { width, height } = this.picture;
    const scale = Math.min(this.host.clientWidth / width, 240 / height);
    if (!scale || !state.crop) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(Math.round(width * scale * ratio), 1);
    this.canvas.height = Math.max(Math.round(height * scale * ratio), 1);
    this.canvas.style.width = `${width * scale}px`;
    this.canvas.style.height = `${height * scale}px`;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = scale * ratio < 1;
    context.drawImage(this.picture, 0, 0, this.canvas.width, this.canvas.height);
    const { window: accent, halo } = colours();
    const { crop, told } = state;
    for (const [colour, line] of [
      [halo, 5],
      [accent, 3],
    ]) {
      context.strokeStyle = css(colour);
      context.lineWidth = line * ratio * 0.7;
      context.strokeRect(...[crop.x, crop.y, crop.width, crop.height].map((n) => n * scale * ratio));
    }
    const { y, x } = told.region;
    const [top, left] = [y + crop.y, x + crop.x];
    document.getElementById("locator-place").textContent =
      `Crop: rows ${top} to ${top + crop.height - 1}, columns ${left} to ${left + crop.width - 1}`;
  }
}

/** Move the crop, unless only the library computes the mode that is shown: it did so for one crop. */
function moveTo(y, x) {
  if (state.exported) return;
  const { height, width } = state.told.region;
  const room = { height: height - state.crop.height + 1, width: width - state.crop.width + 1 };
  change({ crop: { ...state.crop, ...inside({ y, x }, room) }, pointed: null });
}
