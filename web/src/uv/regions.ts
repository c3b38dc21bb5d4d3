/**
 * The regions of a face that the closer look sees again, at the photo's own resolution: eyes and brows, mouth and nose.
 *
 * A region is a set of texels, with a window that falls smoothly to zero at its border, and a crop of the photo around
 * it. The left eye is mirrored, so that one network serves both eyes.
 */
import type { SparseMatrix } from '../common/linear.js';
import type { Camera } from '../geometry/camera.js';
import type { Matrix23 } from '../geometry/crop.js';
import { NOSTRILS, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE } from '../geometry/landmarks.js';
import type { Layout } from './layout.js';

const MIN_WINDOW = 1e-3; // texels with less are not in the region
const GRID_STEP = 2;
const MIN_UP = 1e-6; // the length of a head's up direction in the picture, where it points at the camera

/** Of a region on the mean face, in mm: its crop, and the ellipses around the mean of some landmarks. */
interface Outline {
  landmarks: number[];
  /** Of the crop, in pixels. */
  size: number;
  /** Of the crop. */
  side: number;
  /** Half axes, to the side and up, of the ellipse where the window is 1. */
  inner: [number, number];
  /** Of the ellipse where it ends. */
  outer: [number, number];
  coreLandmarks: number[];
  /** Half axes of the ellipse around their mean whose move the rest of the face follows. */
  core: [number, number];
}

/** Flat indices and weights: of the texels whose mean is a crop's centre. */
interface Middle {
  texels: Int32Array;
  weights: Float32Array;
}

const range = ([start, end]: readonly [number, number]): number[] =>
  Array.from({ length: end - start }, (_, k) => start + k);

const NOSE_AND_LIPS = [...range(NOSTRILS), ...range(OUTER_LIPS)];

// about 1.1 mm a pixel; the first network sees 1.7
const EYE: Outline = {
  landmarks: [...range(RIGHT_EYE), ...range(RIGHT_BROW)],
  size: 64,
  side: 66,
  inner: [20, 17],
  outer: [32, 27],
  coreLandmarks: range(RIGHT_EYE),
  core: [19, 12],
};
const MOUTH: Outline = {
  landmarks: NOSE_AND_LIPS,
  size: 96,
  side: 104,
  inner: [32, 24],
  outer: [45, 38],
  coreLandmarks: NOSE_AND_LIPS,
  core: [32, 24],
};

/** Where a region's crop lies in a photo: points of the photo become coordinates of about -1/2 to 1/2. */
export class Frame {
  /**
   * @param centre x, y, z in pixels of the photo
   * @param side pixels of the photo
   * @param axes 2 x 2: the crop's right and down in the photo; a reflection if it is mirrored
   */
  constructor(
    readonly centre: Float64Array,
    readonly side: number,
    readonly axes: Float64Array,
  ) {}

  /** Coordinates (n x 3) of points (n x 3) of the photo. */
  into(points: ArrayLike<number>): Float64Array {
    const { centre, side, axes } = this;
    const out = new Float64Array(points.length);
    for (let i = 0; i < out.length; i += 3) {
      const x = (points[i] - centre[0]) / side;
      const y = (points[i + 1] - centre[1]) / side;
      out[i] = axes[0] * x + axes[1] * y;
      out[i + 1] = axes[2] * x + axes[3] * y;
      out[i + 2] = (points[i + 2] - centre[2]) / side;
    }
    return out;
  }

  /** Points (n x 3) of the photo, the inverse of {@link into}. */
  out(coordinates: ArrayLike<number>): Float64Array {
    const { centre } = this;
    return this.turn(coordinates).map((value, i) => value + centre[i % 3]);
  }

  /** Movements (n x 3) in pixels of the photo, of movements in coordinates. */
  turn(coordinates: ArrayLike<number>): Float64Array {
    const { side, axes } = this;
    const out = new Float64Array(coordinates.length);
    for (let i = 0; i < out.length; i += 3) {
      const u = coordinates[i] * side;
      const v = coordinates[i + 1] * side;
      out[i] = axes[0] * u + axes[2] * v;
      out[i + 1] = axes[1] * u + axes[3] * v;
      out[i + 2] = coordinates[i + 2] * side;
    }
    return out;
  }

  /** The matrix from the photo to a crop of `size` pixels, `margin` times as wide as the region's. */
  matrix(size: number, margin = 1): Matrix23 {
    const [a, b, c, d] = this.axes.map((value) => (value * size) / (margin * this.side));
    const [x, y] = this.centre;
    const middle = (size - 1) / 2;
    return Float64Array.of(a, b, middle - (a * x + b * y), c, d, middle - (c * x + d * y));
  }
}

/** One region in a layout. */
export class Region {
  constructor(
    readonly name: 'right eye' | 'left eye' | 'mouth',
    /** Flat indices (n); those of the left eye are the mirror images of the right one's. */
    readonly texels: Int32Array,
    /** 0 to 1 for each of `texels`. */
    readonly window: Float32Array,
    /** Those of `texels` (flat indices) whose move the rest of the face follows. */
    readonly core: Int32Array,
    /** Flat indices (P) of every second texel in each direction, which a network sees and moves. */
    readonly grid: Int32Array,
    /** n x P: interpolates values at the grid. */
    readonly spread: SparseMatrix,
    private readonly middle: Middle,
    /** Of the crop, mm. */
    readonly side: number,
    /** Of the crop, pixels. */
    readonly size: number,
    readonly mirrored: boolean,
  ) {}

  /** The crop for a position map. Its size and its up direction are those of the map's camera. */
  frame(map: ArrayLike<number>, camera: Camera): Frame {
    const [upX, upY] = [camera.rotation[1], camera.rotation[4]];
    const length = Math.max(Math.hypot(upX, upY), MIN_UP);
    const [x, y] = [-upX / length, upY / length]; // down; in the photo, y points down
    const right = this.mirrored ? [-y, x] : [y, -x];
    return new Frame(centreOf(map, this.middle), camera.scale * this.side, Float64Array.of(...right, x, y));
  }

  /** The same region on the other side of the face. */
  mirror(name: Region['name'], size: number): Region {
    const other = (texels: Int32Array): Int32Array =>
      texels.map((texel) => texel - (texel % size) + size - 1 - (texel % size));
    const middle = { texels: other(this.middle.texels), weights: this.middle.weights };
    const { window, spread, side } = this;
    const [texels, core, grid] = [this.texels, this.core, this.grid].map(other);
    return new Region(name, texels, window, core, grid, spread, middle, side, this.size, true);
  }
}

/** Both eyes with their brows, and the mouth with the nose's wings, in a layout. */
export class Regions {
  /** The right eye, the left eye and the mouth. */
  readonly all: readonly [Region, Region, Region];

  constructor(readonly layout: Layout) {
    const right = regionOf(layout, 'right eye', EYE);
    this.all = [right, right.mirror('left eye', layout.size), regionOf(layout, 'mouth', MOUTH)];
  }
}

function regionOf(layout: Layout, name: Region['name'], outline: Outline): Region {
  const middle = middleOf(layout, outline.landmarks);
  const { texels, window } = windowOf(layout, middle, outline);
  const core = coreOf(layout, texels, outline);
  const { grid, spread } = gridOf(layout, texels);
  return new Region(name, texels, window, core, grid, spread, middle, outline.side, outline.size, false);
}

/** The texels of the mean of some landmarks. */
function middleOf(layout: Layout, landmarks: number[]): Middle {
  const { starts, columns, values } = layout.landmarkMatrix;
  const weights = new Map<number, number>();
  for (const landmark of landmarks) {
    for (let k = starts[landmark]; k < starts[landmark + 1]; k++) {
      weights.set(columns[k], (weights.get(columns[k]) ?? 0) + values[k] / landmarks.length);
    }
  }
  return { texels: Int32Array.from(weights.keys()), weights: Float32Array.from(weights.values()) };
}

function centreOf(map: ArrayLike<number>, { texels, weights }: Middle): Float64Array {
  const out = new Float64Array(3);
  texels.forEach((texel, k) => {
    for (let channel = 0; channel < 3; channel++) out[channel] += weights[k] * map[3 * texel + channel];
  });
  return out;
}

/** The texels of a region, and its window: 1 in the inner ellipse, 0 outside the outer one, smooth between them. */
function windowOf(layout: Layout, middle: Middle, outline: Outline): { texels: Int32Array; window: Float32Array } {
  const { meanMap, mask } = layout;
  const [x, y] = centreOf(meanMap, middle);
  const texels: number[] = [];
  const window: number[] = [];
  mask.forEach((valid, texel) => {
    if (!valid) return;
    const [aside, up] = [meanMap[3 * texel] - x, meanMap[3 * texel + 1] - y];
    const near = Math.sqrt((aside / outline.inner[0]) ** 2 + (up / outline.inner[1]) ** 2);
    const far = Math.sqrt((aside / outline.outer[0]) ** 2 + (up / outline.outer[1]) ** 2);
    if (far >= 1) return;
    const t = (1 - far) / Math.max(near - far, 1e-9); // 1 at the inner ellipse
    const value = near <= 1 ? 1 : t * t * (3 - 2 * t);
    if (value <= MIN_WINDOW) return;
    texels.push(texel);
    window.push(value);
  });
  return { texels: Int32Array.from(texels), window: Float32Array.from(window) };
}

function coreOf(layout: Layout, texels: Int32Array, { coreLandmarks, core }: Outline): Int32Array {
  const { meanMap } = layout;
  const [x, y] = centreOf(meanMap, middleOf(layout, coreLandmarks));
  return texels.filter(
    (texel) => ((meanMap[3 * texel] - x) / core[0]) ** 2 + ((meanMap[3 * texel + 1] - y) / core[1]) ** 2 <= 1,
  );
}

/** Every second texel around some texels in each direction, and the interpolation from them; only valid texels. */
function gridOf(layout: Layout, texels: Int32Array): { grid: Int32Array; spread: SparseMatrix } {
  const { size, mask } = layout;
  const rows = everySecond(size);
  const half = everySecond(size / 2);
  const columns = [...half, ...half.map((column) => size - 1 - column).reverse()]; // symmetric: mouths can be mirrored
  const nearRows = Array.from({ length: size }, (_, row) => neighbours(row, rows));
  const nearColumns = Array.from({ length: size }, (_, column) => neighbours(column, columns));
  const starts = [0];
  const sources: number[] = [];
  const weights: number[] = [];
  for (const texel of texels) {
    const near: [number, number][] = [];
    for (const [row, a] of nearRows[Math.floor(texel / size)]) {
      for (const [column, b] of nearColumns[texel % size]) {
        if (mask[row * size + column]) near.push([row * size + column, a * b]);
      }
    }
    const total = near.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [place, weight] of near) {
      if (!weight) continue;
      sources.push(place);
      weights.push(weight / total);
    }
    starts.push(sources.length);
  }
  const grid = Int32Array.from(new Set(sources)).sort();
  const number = new Map(Array.from(grid, (texel, k) => [texel, k]));
  const numbers = Int32Array.from(sources, (source) => number.get(source) as number);
  return { grid, spread: { starts: Int32Array.from(starts), columns: numbers, values: Float32Array.from(weights) } };
}

function everySecond(end: number): number[] {
  return Array.from({ length: Math.ceil(end / GRID_STEP) }, (_, k) => GRID_STEP * k);
}

/** The places, in rising order, before and after a position, with the weights of linear interpolation. */
function neighbours(position: number, places: number[]): [number, number][] {
  const found = places.findIndex((place) => place >= position);
  const after = found < 0 ? places.length - 1 : found;
  const high = places[after];
  const low = places[Math.max(after - 1, 0)];
  if (high <= position || high === low) return [[high, 1]];
  const share = (position - low) / (high - low);
  return [
    [low, 1 - share],
    [high, share],
  ];
}
