/** What the page is told: numbers unpacked, pictures drawn. */

const ARRAYS = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** Return what is told, with the numbers of the region as an image, and those of modes that only the library has. */
export async function load() {
  const told = JSON.parse(document.getElementById("data").textContent);
  const { height, width } = told.region;
  const channels = told.channels.length;
  const data = Float64Array.from(await unpacked(told.numbers));
  told.image = { height, width, channels, data, maximum: told.maximum };
  for (const result of told.results) {
    if (!result.exported) continue;
    const { values, slopes } = result.exported;
    result.values = Float64Array.from(await unpacked(values));
    result.valuesShape = values.shape;
    result.slopes = slopes ? Float64Array.from(await unpacked(slopes)) : null;
  }
  return told;
}

/** Return a typed array of what `packed` makes in Python: deflated little-endian numbers or their differences. */
async function unpacked({ dtype, shape, differences, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const array = new ARRAYS[dtype](await new Response(stream).arrayBuffer());
  if (!differences) return array;
  const channels = shape[2];
  const row = shape[1] * channels;
  for (let at = 0; at < array.length; at++) {
    if (at % row >= channels) array[at] += array[at - channels];
  }
  return array;
}

/** Return a part of an image. */
export function cropped(image, { y, x, height, width }) {
  const { channels } = image;
  const data = new Float64Array(height * width * channels);
  for (let row = 0; row < height; row++) {
    const begin = ((y + row) * image.width + x) * channels;
    data.set(image.data.subarray(begin, begin + width * channels), row * width * channels);
  }
  return { ...image, height, width, data };
}

/** Return a number of an image. */
export function valueAt(image, y, x, c) {
  return image.data[(y * image.width + x) * image.channels + c];
}

/** Return a canvas of an image's colours: grey, RGB, or either with alpha. */
export function drawn({ image, black, peak, alpha }) {
  const context = plain(image.width, image.height);
  const pixels = context.createImageData(image.width, image.height);
  const colours = image.channels - (alpha ? 1 : 0) >= 3 ? [0, 1, 2] : [0, 0, 0];
  for (let at = 0; at < image.width * image.height; at++) {
    for (let c = 0; c < 3; c++) {
      pixels.data[4 * at + c] = ((image.data[at * image.channels + colours[c]] - black) / (peak - black)) * 255;
    }
    pixels.data[4 * at + 3] = alpha ? (image.data[(at + 1) * image.channels - 1] / peak) * 255 : 255;
  }
  context.putImageData(pixels, 0, 0);
  return context.canvas;
}

/** Return a canvas of a result, as large as the region: pixels of its picture from where rows and columns begin. */
export async function enlarged({ picture, rows, columns }, height, width) {
  const source = new Image();
  source.src = picture;
  await source.decode();
  const small = plain(source.width, source.height);
  small.drawImage(source, 0, 0);
  const from = new Uint32Array(small.getImageData(0, 0, source.width, source.height).data.buffer);
  const context = plain(width, height);
  const pixels = context.createImageData(width, height);
  const to = new Uint32Array(pixels.data.buffer);
  const across = numbered(columns, width);
  numbered(rows, height).forEach((row, y) => {
    for (let x = 0; x < width; x++) to[y * width + x] = from[row * source.width + across[x]];
  });
  context.putImageData(pixels, 0, 0);
  return context.canvas;
}

/** Return for each position the number of the run that it lies in, of runs that begin there. */
function numbered(begins, length) {
  const numbers = new Uint32Array(length);
  begins.forEach((begin, number) => numbers.fill(number, begin));
  return numbers;
}

/** Return the context of a new canvas. */
export function plain(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d", { willReadFrequently: true });
}
