/** Similarity transforms of the picture plane: the network's crop, views of a photo, warps. */
import { FaceError } from '../types.js';
import { blockMeans, halved, type Blocks, type Region } from './blocks.js';

/** A similarity of the picture plane, 2 x 3, row by row: a, b, tx, c, d, ty. */
export type Matrix23 = Float64Array;

/** x0, y0, x1, y1 in pixels. */
export type Box = [number, number, number, number];

/** A photo: RGBA, row by row, four bytes a pixel; alpha is not read. */
export interface Picture {
  width: number;
  height: number;
  data: Uint8ClampedArray | Uint8Array;
}

const CROP_SCALE = 1.5; // side of the crop divided by the mean side of the box of the 68 landmarks

/** Side of the network's crop for a box of the 68 landmarks, in the unit of the box. */
export function cropSide(box: Box): number {
  return (CROP_SCALE * (box[2] - box[0] + (box[3] - box[1]))) / 2;
}

/**
 * The similarity from pixels of a photo to pixels of the network's crop, a square around the face.
 *
 * @param box extremes of the 68 landmarks; the crop has the same centre and 1.5 times the mean side
 * @param size side of the crop in pixels
 * @param angle degrees by which the face is turned clockwise in the photo; the crop turns it back. The box then belongs
 *   to the face after turning it upright about the centre of the box
 * @throws RangeError if the box is empty or not finite, or the angle is not finite
 */
export function cropMatrix(box: Box, size = 128, angle = 0): Matrix23 {
  const [x0, y0, x1, y1] = box;
  if (!box.every(Number.isFinite) || x1 <= x0 || y1 <= y0) {
    throw new RangeError(`a box must be finite numbers x0, y0, x1, y1 with x0 < x1 and y0 < y1, got ${box.join(', ')}`);
  }
  if (!Number.isFinite(angle)) throw new RangeError(`the angle must be a finite number of degrees, got ${angle}`);
  return viewMatrix([(x0 + x1) / 2, (y0 + y1) / 2], cropSide(box), size, angle);
}

/** Like {@link cropMatrix}, for a square that its centre and side in pixels of the photo define. */
export function viewMatrix(centre: readonly [number, number], side: number, size: number, angle = 0): Matrix23 {
  const turn = (angle * Math.PI) / 180;
  const cosine = (size / side) * Math.cos(turn);
  const sine = (size / side) * Math.sin(turn);
  const [x, y] = centre;
  const middle = (size - 1) / 2;
  return Float64Array.of(
    ...[cosine, sine, middle - (cosine * x + sine * y)],
    ...[-sine, cosine, middle - (cosine * y - sine * x)],
  );
}

/** The inverse of a similarity of the picture plane, which may reflect. */
export function invertSimilarity(m: Matrix23): Matrix23 {
  const [a, b, tx, c, d, ty] = m;
  const determinant = a * d - b * c;
  const [p, q, r, s] = [d / determinant, -b / determinant, -c / determinant, a / determinant];
  return Float64Array.of(p, q, -(p * tx + q * ty), r, s, -(r * tx + s * ty));
}

/**
 * Apply a similarity, which does not reflect, to points of an image. z is multiplied by the scale of the similarity, so
 * that the face keeps its proportions.
 *
 * @param m 2 x 3
 * @param points n x dimension, flat
 * @param dimension 2 or 3
 * @returns the same kind of array
 */
export function transformPoints<T extends Float32Array | Float64Array>(m: Matrix23, points: T, dimension: 2 | 3): T {
  const [a, b, tx, c, d, ty] = m;
  const scale = Math.hypot(a, c);
  const out = new (points.constructor as new (length: number) => T)(points.length);
  for (let i = 0; i < points.length; i += dimension) {
    const x = points[i];
    const y = points[i + 1];
    out[i] = a * x + b * y + tx;
    out[i + 1] = c * x + d * y + ty;
    if (dimension === 3) out[i + 2] = points[i + 2] * scale;
  }
  return out;
}

/** The centre and side in pixels of the photo, and the angle in degrees, of a matrix made by {@link viewMatrix}. */
export function viewParameters(m: Matrix23, size: number): { centre: [number, number]; side: number; angle: number } {
  const inverse = invertSimilarity(m);
  const middle = (size - 1) / 2;
  return {
    centre: [(inverse[0] + inverse[1]) * middle + inverse[2], (inverse[3] + inverse[4]) * middle + inverse[5]],
    side: size / Math.hypot(m[0], m[1]),
    angle: (Math.atan2(m[1], m[0]) * 180) / Math.PI,
  };
}

/**
 * Cut a square out of a photo: that of {@link warpLevels}, rounded to whole grey levels.
 *
 * @returns size x size x 3, RGB
 */
export function warpImage(picture: Picture, m: Matrix23, size: number): Uint8Array {
  return Uint8Array.from(warpLevels(picture, m, size), roundHalfEven);
}

/**
 * Grey levels, 0 to 255 and not rounded, of a square cut out of a photo. To shrink, it first averages over blocks of
 * 2^k x 2^k pixels, since a plain bilinear warp of a large photo aliases: 2^k is the largest power of two that the
 * shrinking exceeds. Squares read from these and from twice as large blocks are mixed so that they are as blurred as one
 * of blocks of the exact size would be. The rest is bilinear. Outside the photo, edge pixels are repeated. So the result
 * changes continuously with the matrix, and what a network answers does, too.
 *
 * @param picture the photo
 * @param m similarity from pixels of the photo to pixels of the square
 * @param size side of the square
 * @returns size x size x 3, RGB
 * @throws RangeError if the matrix has values that are not finite, or shrinks everything to a point
 * @throws FaceError `picture` if the photo has no pixels, or fewer than it states
 */
export function warpLevels(picture: Picture, m: Matrix23, size: number): Float32Array {
  checkPicture(picture);
  const scale = Math.hypot(m[0], m[3]);
  if (!m.every(Number.isFinite) || scale === 0) {
    throw new RangeError(`no similarity of the picture plane: ${m.join(', ')}`);
  }
  const block = 2 ** Math.max(Math.floor(Math.log2(1 / scale)), 0);
  const region = visibleRegion(picture, m, size, 2 * block);
  const fine = blockMeans(picture, region, block);
  const square = sample(fine, blockMatrix(m, region, block), size);
  // The variance of what a pixel gathers grows with the square of the block: 1, 1 / (block scale)^2 and 4 are mixed.
  const share = ((block * scale) ** -2 - 1) / 3;
  if (share > 0) {
    const coarse = sample(halved(fine), blockMatrix(m, region, 2 * block), size);
    for (let k = 0; k < square.length; k++) square[k] += share * (coarse[k] - square[k]);
  }
  return square;
}

/** FaceError `picture` if a picture has no pixels, or fewer than it states. */
export function checkPicture(picture: Picture): void {
  const { width, height, data } = picture;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new FaceError('picture', `The picture has no pixels: ${width} x ${height}.`);
  }
  if (data.length < 4 * width * height) {
    throw new FaceError('picture', `${data.length} bytes are too few for a picture of ${width} x ${height} pixels.`);
  }
}

/** The nearest whole number; halves go to the even one. */
export function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/**
 * The part of the photo that a square shows, with a margin for the filters; beside it, the nearest pixels. It begins and
 * ends at multiples of `step` pixels, or at the photo's far edges: so blocks stay where they are while the square moves.
 */
function visibleRegion(picture: Picture, m: Matrix23, size: number, step: number): Region {
  const inverse = invertSimilarity(m);
  const end = size - 1;
  const margin = 2 + 2 * step;
  const corners = (a: number, b: number, shift: number): number[] =>
    [0, a * end, b * end, (a + b) * end].map((v) => v + shift);
  const [left, width] = limits(corners(inverse[0], inverse[1], inverse[2]), picture.width);
  const [top, height] = limits(corners(inverse[3], inverse[4], inverse[5]), picture.height);
  return { left, top, width, height };

  /** First pixel and number of pixels along one axis. */
  function limits(places: number[], length: number): [number, number] {
    const low = Math.floor(Math.min(...places)) - margin;
    const high = Math.ceil(Math.max(...places)) + margin + 1;
    const first = Math.floor(Math.min(Math.max(low, 0), length - 1) / step) * step;
    const last = Math.min(Math.max(Math.ceil(high / step) * step, first + 1), length);
    return [first, last - first];
  }
}

/** The matrix for blocks of a region: block q has its centre at pixel block (q + 1/2) - 1/2 of the region. */
function blockMatrix(m: Matrix23, { left, top }: Region, block: number): Matrix23 {
  const [a, b, tx, c, d, ty] = m;
  const [x, y] = [left + block / 2 - 0.5, top + block / 2 - 0.5];
  return Float64Array.of(a * block, b * block, a * x + b * y + tx, c * block, d * block, c * x + d * y + ty);
}

/** Read a square bilinearly; `m` goes from blocks to pixels of the square. */
function sample({ values, width, height }: Blocks, m: Matrix23, size: number): Float32Array {
  const [a, b, tx, c, d, ty] = invertSimilarity(m);
  const [lastX, lastY] = [width - 1, height - 1];
  const row = 3 * width;
  const out = new Float32Array(size * size * 3);
  for (let i = 0, k = 0; i < size; i++) {
    for (let j = 0; j < size; j++, k += 3) {
      const x = a * j + b * i + tx;
      const y = c * j + d * i + ty;
      const floorX = Math.floor(x);
      const floorY = Math.floor(y);
      const shareX = x - floorX;
      const shareY = y - floorY;
      // beyond the edge, its pixels are repeated; `| 0` makes whole numbers, with which arrays are read faster
      const x0 = (floorX < 0 ? 0 : floorX > lastX ? lastX : floorX) | 0;
      const y0 = (floorY < 0 ? 0 : floorY > lastY ? lastY : floorY) | 0;
      const right = floorX >= 0 && floorX < lastX ? 3 : 0;
      const below = floorY >= 0 && floorY < lastY ? row : 0;
      const p = (row * y0 + 3 * x0) | 0;
      const q = (p + below) | 0;
      for (let channel = 0; channel < 3; channel++) {
        const upper = values[p + channel] + shareX * (values[p + right + channel] - values[p + channel]);
        const lower = values[q + channel] + shareX * (values[q + right + channel] - values[q + channel]);
        out[k + channel] = upper + shareY * (lower - upper);
      }
    }
  }
  return out;
}
