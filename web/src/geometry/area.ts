/** Shrinking pictures by averages over areas. */
import type { Picture } from './crop.js';

/** A rectangle of whole pixels. */
export interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Pixels that make each pixel of a shrunk line: whole ones, and shares of the one before and the one after them. */
interface Cells {
  first: Int32Array; // the first whole pixel
  last: Int32Array; // one after the last whole pixel
  before: Float64Array; // share of pixel first - 1; 0 if there is none
  after: Float64Array; // share of pixel last
  inverse: Float64Array; // 1 / the cell's length in pixels
}

const MIN_SHARE = 1e-3; // of a pixel: less is no part of a cell
const MAX_ROWS = 256; // whose sums fit in 16 bits
const LOW_BYTES = 0x00ff00ff; // of red and blue

// Kept between calls, as a frame of a video has the size of the one before. The sums of whole rows are whole numbers,
// red and blue in one of them: this halves the work.
let redBlue = new Int32Array(0);
let green = new Int32Array(0);
let line = new Float64Array(0); // sums of the columns, RGB, for one row of the result
let shrunk = new Uint8Array(0);

/**
 * Shrink a region of a picture: each new pixel is the mean over the area that it covers.
 *
 * @param picture RGBA
 * @param region part of the picture
 * @param width of the result, at most that of the region
 * @param height of the result, at most that of the region
 * @returns height x width x 3, RGB; valid until the next call
 */
export function shrinkByArea(picture: Picture, region: Region, width: number, height: number): Uint8Array {
  const columns = cells(region.width, width);
  const rows = cells(region.height, height);
  reserve(region.width, 3 * width * height);
  const pixels = asWords(picture.data);
  const start = region.top * picture.width + region.left;
  const row = (y: number): number => start + y * picture.width;
  for (let i = 0; i < height; i++) {
    const { first, last, before, after } = rows;
    line.fill(0, 0, 3 * region.width);
    if (before[i]) addShare(pixels, row(first[i] - 1), region.width, before[i]);
    for (let y = first[i]; y < last[i]; y += MAX_ROWS) {
      addWhole(pixels, row(y), picture.width, region.width, Math.min(MAX_ROWS, last[i] - y));
    }
    if (after[i]) addShare(pixels, row(last[i]), region.width, after[i]);
    averageColumns(columns, width, rows.inverse[i], 3 * width * i);
  }
  return shrunk;
}

function reserve(length: number, bytes: number): void {
  if (green.length < length) {
    redBlue = new Int32Array(length);
    green = new Int32Array(length);
    line = new Float64Array(3 * length);
  }
  if (shrunk.length < bytes) shrunk = new Uint8Array(bytes);
}

/** Add a share of a row of pixels to `line`. */
function addShare(pixels: Uint32Array, start: number, length: number, share: number): void {
  const sums = line;
  for (let x = 0, k = 0; x < length; x++, k += 3) {
    const pixel = pixels[start + x];
    sums[k] += share * (pixel & 0xff);
    sums[k + 1] += share * ((pixel >>> 8) & 0xff);
    sums[k + 2] += share * ((pixel >>> 16) & 0xff);
  }
}

/** Add some whole rows of pixels to `line`; rows begin `stride` pixels apart. */
function addWhole(pixels: Uint32Array, start: number, stride: number, length: number, rows: number): void {
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

/** The means of `line` over the cells of the columns, into `shrunk` from a byte on. */
function averageColumns(columns: Cells, width: number, inverse: number, out: number): void {
  const { first, last, before, after } = columns;
  const sums = line;
  for (let i = 0, k = out; i < width; i++, k += 3) {
    const scale = inverse * columns.inverse[i];
    for (let channel = 0; channel < 3; channel++) {
      let sum = before[i] ? before[i] * sums[3 * first[i] - 3 + channel] : 0;
      const end = 3 * last[i];
      for (let p = 3 * first[i] + channel; p < end; p += 3) sum += sums[p];
      if (after[i]) sum += after[i] * sums[end + channel];
      shrunk[k + channel] = sum * scale + 0.5;
    }
  }
}

/** The cells of a line of `full` pixels that becomes one of `small` pixels. */
function cells(full: number, small: number): Cells {
  const out: Cells = {
    first: new Int32Array(small),
    last: new Int32Array(small),
    before: new Float64Array(small),
    after: new Float64Array(small),
    inverse: new Float64Array(small),
  };
  const side = full / small;
  for (let i = 0; i < small; i++) {
    const low = i * side;
    const high = Math.min(low + side, full);
    const last = Math.min(Math.floor(high), full - 1);
    const first = Math.min(Math.ceil(low), last);
    const before = first - low;
    const after = Math.min(high - last, 1);
    out.first[i] = first;
    out.last[i] = last;
    if (before > MIN_SHARE) out.before[i] = before;
    if (after > MIN_SHARE) out.after[i] = after;
    out.inverse[i] = 1 / Math.min(side, full - low);
  }
  return out;
}

/** The pixels as numbers of four bytes, the first of them the lowest: every system that runs a browser has it so. */
function asWords(data: Uint8ClampedArray | Uint8Array): Uint32Array {
  const bytes = data.byteOffset % 4 ? data.slice() : data;
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}
