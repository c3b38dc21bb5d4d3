/** What Python computed, and ways to compare with it. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readArrays, type ArrayFile } from '../src/common/arrays';
import type { Picture } from '../src/geometry/crop';
import { Layout } from '../src/uv/layout';

const HOW = 'python scripts/assets/build_web_files.py --vectors writes it';

function read(path: string): ArrayFile {
  const place = fileURLToPath(new URL(path, import.meta.url));
  if (!existsSync(place)) throw new Error(`${place} is missing; ${HOW}`);
  const bytes = readFileSync(place);
  return readArrays(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer);
}

/** A file of `tests/vectors`, such as `warps.bin`. */
export function readVectors(name: string): ArrayFile {
  return read(`vectors/${name}`);
}

/** A file of arrays of `public/files`, such as `face.bin`. */
export function readPackageFile(name: string): ArrayFile {
  return read(`../public/files/${name}`);
}

let layout: Layout | undefined;

/** The layout of `face.bin`, read once. */
export function faceLayout(): Layout {
  layout ??= Layout.from(readPackageFile('face.bin'));
  return layout;
}

/** A picture, height x width x 3 in a file, as a page would read it from a canvas. */
export function pictureOf(file: ArrayFile, name = 'picture'): Picture {
  const [height, width] = file.shape(name);
  const rgb = file.uint8(name);
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return { width, height, data };
}

/** The largest distance between two lists of numbers; infinite if their lengths differ or one is not a number. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}

/** Print how close numbers came, for `LPRNET_TELL=1 npx vitest run`. */
export function tell(what: string, difference: number): void {
  if (process.env.LPRNET_TELL) console.log(`${what}: ${difference.toExponential(2)}`);
}
