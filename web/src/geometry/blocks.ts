/** Means over blocks of pixels: pictures made smaller. */
import type { Picture } from './crop.js';

/** A rectangle of whole pixels. */
export interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Grey levels of blocks: height x width x 3, RGB. Blocks at the far edges may have fewer pixels than the others. */
export interface Blocks {
  values: Float32Array;
  width: number;
  height: number;
}

const MAX_ROWS = 256; // whose sums fit in 16 bits
const LOW_BYTES = 0x00ff00ff; // of red and blue

// Kept between calls, as a frame of a video has the size of the one before. The sums of whole rows are whole numbers,
// red and blue in one of them: this halves the work.
let redBlue = new Int32Array(0);
let green = new Int32Array(0);
let line = new Float64Array(0); // sums of the columns, RGB, for one row of blocks
const kept = { fine: new Float32Array(0), coarse: new Float32Array(0) };

/**
 * Means over blocks of a region of a picture, rounded to grey levels.
 *
 * @param picture RGBA
 * @param region part of the picture
 * @param block pixels a side, 1 for the pixels themselves
 * @returns valid until the next call
 */
export function blockMeans(picture: Picture, region: Region, block: number): Blocks {
  const [width, height] = [Math.ceil(region.width / block), Math.ceil(region.height / block)];
  const values = room('fine', 3 * width * height);
  const pixels = asWords(picture.data);
  const start = region.top * picture.width + region.left;
  if (block === 1) {
    copyPixels(pixels, start, picture.width, { values, width, height });
    return { values, width, height };
  }
  reserve(region.width);
  for (let i = 0; i < height; i++) {
    const rows = Math.min(block, region.height - i * block);
    line.fill(0, 0, 3 * region.width);
    for (let y = 0; y < rows; y += MAX_ROWS) {
      const first = start + (i * block + y) * picture.width;
      addRows(pixels, first, picture.width, region.width, Math.min(MAX_ROWS, rows - y));
    }
    averageColumns(values, 3 * width * i, { block, rows, length: region.width });
  }
  return { values, width, height };
}

/** Means over 2 x 2 blocks; valid until the next call. */
export function halved({ values, width: full, height: fullHeight }: Blocks): Blocks {
  const [width, height] = [Math.ceil(full / 2), Math.ceil(fullHeight / 2)];
  const out = room('coarse', 3 * width * height);
  for (let i = 0, k = 0; i < height; i++) {
    const upper = 6 * full * i;
    const lower = 2 * i + 1 < fullHeight ? upper + 3 * full : upper;
    for (let j = 0; j < width; j++, k += 3) {
      const left = 6 * j;
      const right = 2 * j + 1 < full ? left + 3 : left;
      for (let c = 0; c < 3; c++) {
        const above = values[upper + left + c] + values[upper + right + c];
        out[k + c] = 0.25 * (above + values[lower + left + c] + values[lower + right + c]);
      }
    }
  }
  return { values: out, width, height };
}

function room(name: keyof typeof kept, length: number): Float32Array {
  if (kept[name].length < length) kept[name] = new Float32Array(length);
  return kept[name];
}

function reserve(length: number): void {
  if (green.length >= length) return;
  redBlue = new Int32Array(length);
  green = new Int32Array(length);
  line = new Float64Array(3 * length);
}

function copyPixels(pixels: Uint32Array, start: number, stride: number, { values, width, height }: Blocks): void {
  for (let y = 0, k = 0; y < height; y++) {
    for (let p = start + y * stride, end = p + width; p < end; p++, k += 3) {
      const pixel = pixels[p];
      values[k] = pixel & 0xff;
      values[k + 1] = (pixel >>> 8) & 0xff;
      values[k + 2] = (pixel >>> 16) & 0xff;
    }
  }
}

/** Add some rows of pixels to `line`; rows begin `stride` pixels apart. */
function addRows(pixels: Uint32Array, start: number, stride: number, length: number, rows: number): void {
  const [rb, g, sums] = [redBlue, green, line];
  rb.fill(0, 0, length);
  g.fill(0, 0, length);
  let y = 0;
  for (; y + 1 < rows; y += 2) {
    const first = start + y * stride;
    for (let x = 0, p = first, q = first + stride; x < length; x++, p++, q++) {
      const one = pixels[p];
      const two = pixels[q];
      rb[x] += (one & LOW_BYTES) + (two & LOW_BYTES);
      g[x] += ((one >>> 8) & 0xff) + ((two >>> 8) & 0xff);
    }
  }
  if (y < rows) {
    for (let x = 0, p = start + y * stride; x < length; x++, p++) {
      rb[x] += pixels[p] & LOW_BYTES;
      g[x] += (pixels[p] >>> 8) & 0xff;
    }
  }
  for (let x = 0, k = 0; x < length; x++, k += 3) {
    sums[k] += rb[x] & 0xffff;
    sums[k + 1] += g[x];
    sums[k + 2] += rb[x] >>> 16;
  }
}

/** The means of `line`, the sums of so many rows, over blocks of columns, from a place of `out` on. */
function averageColumns(
  out: Float32Array,
  place: number,
  { block, rows, length }: { block: number; rows: number; length: number },
): void {
  const sums = line;
  for (let x = 0, k = place; x < length; x += block, k += 3) {
    const columns = Math.min(block, length - x);
    const count = rows * columns;
    for (let channel = 0; channel < 3; channel++) {
      let sum = 0;
      const end = 3 * (x + columns);
      for (let p = 3 * x + channel; p < end; p += 3) sum += sums[p];
      // as OpenCV rounds: halves to the even level, but upward in blocks of 2 x 2
      const low = Math.floor(sum / count);
      const twice = 2 * (sum - low * count);
      const up = twice > count || (twice === count && (count === 4 || low % 2 === 1));
      out[k + channel] = up ? low + 1 : low;
    }
  }
}

/** The pixels as numbers of four bytes, the first of them the lowest: every system that runs a browser has it so. */
function asWords(data: Uint8ClampedArray | Uint8Array): Uint32Array {
  const bytes = data.byteOffset % 4 ? data.slice() : data;
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}
