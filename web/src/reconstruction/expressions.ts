/**
 * Identity and expression weights of the bundled face model, fitted to a position map.
 *
 * A map has thousands of points, so the fit is one linear problem, and its matrices are the same for every face. They
 * are computed once; a frame of a video then costs one product and one small bounded problem.
 */
import type { ArrayFile } from '../common/arrays.js';
import { Camera } from '../geometry/camera.js';
import { everyPoint, pointsAt } from '../geometry/points.js';
import { FaceError } from '../types.js';
import type { Layout } from '../uv/layout.js';
import { BoundedLeastSquares, type Bounds } from './bounded.js';
import type { Look } from './closer-look.js';
import { fitTexels, readModes } from './modes.js';
import { otherSide, SEEN_EXPRESSIONS } from './seen-expressions.js';
import { halvesOf, SymmetricModes, type Mode } from './symmetric-modes.js';

const MAP_NOISE_MM = 1.5; // standard deviation of the points of a map
const EFFECTIVE_POINTS = 300; // independent points in a map: a network's errors are the same over whole regions
const MEAN_WEIGHT = 0.25; // prior mean of an expression weight; the prior is exponential, so a few shapes explain a face
const MEAN_RARE_WEIGHT = 0.08; // prior mean of expressions that the fit would otherwise mistake for a smile
const RARE_EXPRESSIONS = ['mouthDimple', 'mouthPress', 'mouthShrugUpper'];
const MIN_CORRELATION = 0.5; // of found and true weights, for an expression that is shown
const ROUNDS = 4; // of camera and shape in turn, for an unknown person
const TRACKING_ROUNDS = 2; // the same for the next frame of a video
// how much of a weight that a closer look saw is taken from a fit to the map before it: the two err differently
const FIRST_MAP_SHARE = 0.15;
const RIGID_UNIT = 50; // mm: rotations and growth move a point at this distance by a millimetre
const NO_MOVEMENT = new Float64Array(7); // of the whole face: the camera has it
const CAMERA_STEP = 3; // a third of the points suffices for seven numbers

/** By the fit to a map, or by a closer look: the ways to find an expression. */
export type Way = 'fit' | 'closer look';

/** For each way, the correlation of found and true weights at a yaw of 0 to 30 degrees, by the expression's name. */
export type Quality = Record<Way, Record<string, number>>;

/** Weights of the bundled face model that describe a face. */
export interface Coefficients {
  /** Weight of each identity mode, in standard deviations. */
  identity: Float64Array;
  /** Weight of each expression, 0 to 1, in the order of {@link ShapeFitter.names}. */
  expression: Float64Array;
  /** From the face frame to the photo frame. */
  camera: Camera;
  /** Root mean square distance in mm between the map and this face. */
  error: number;
  /** Names of the weights that were not fitted, but known: those that a closer look saw. */
  seen: Set<string>;
}

/** Expression weights, 0 to 1, that are known otherwise, by name. */
export type SeenWeights = Readonly<Record<string, number>>;

/** Fits the bundled face model to position maps. */
export class ShapeFitter {
  /** ARKit's names of the expressions. */
  readonly names: readonly string[];
  /** For each way, the expressions that it does not find well enough to be shown. */
  readonly unsupported: Readonly<Record<Way, ReadonlySet<string>>>;
  private readonly mapLength: number;
  private readonly texels: Int32Array; // flat indices (n) that the fit reads
  private readonly mean: Float32Array; // n x 3
  private readonly modes: SymmetricModes; // identity, rigid movements, expressions
  private expressionsAlone?: SymmetricModes; // less what identity and movements explain of each; made by the first join
  private readonly seenPlaces: readonly number[]; // of the expressions of a closer look among all names
  private readonly count: number; // of identity modes
  private readonly free: number; // the same with rigid movements
  private readonly identitySolver: BoundedLeastSquares;
  private readonly expressionSolver: BoundedLeastSquares;

  private constructor(file: ArrayFile, layout: Layout) {
    this.mapLength = layout.meanMap.length;
    this.texels = fitTexels(layout);
    this.mean = pointsAt(layout.meanMap, this.texels);
    const { names, identity, expression } = readModes(file, this.texels, layout.size);
    this.names = names;
    this.seenPlaces = SEEN_EXPRESSIONS.map((name) => names.indexOf(name));
    this.unsupported = badlyFound(readQuality(file));
    const halves = halvesOf(this.texels, layout.size);
    const rigid = rigidModes(pointsAt(this.mean, halves.left));
    this.modes = new SymmetricModes([...identity, ...rigid, ...expression], halves);
    this.count = identity.length;
    this.free = identity.length + rigid.length;
    const gram = this.modes.gram();
    this.identitySolver = this.solver(gram, 0);
    this.expressionSolver = this.solver(gram, this.count);
  }

  /** A solver for the modes from `start` on, of which gram (modes x modes) has the products. */
  private solver(gram: Float64Array, start: number): BoundedLeastSquares {
    const all = this.modes.length;
    const isRare = (name: string): boolean => RARE_EXPRESSIONS.some((rare) => name.startsWith(rare));
    return new BoundedLeastSquares({
      products: (residual) => this.modes.products(residual, start),
      gram: gram.filter((_, k) => k >= start * all && k % all >= start),
      free: this.free - start,
      count: this.count - start,
      priorMeans: this.names.map((name) => (isRare(name) ? MEAN_RARE_WEIGHT : MEAN_WEIGHT)),
      scale: EFFECTIVE_POINTS / this.texels.length / MAP_NOISE_MM ** 2,
    });
  }

  /**
   * The fitter in `fit.bin`.
   *
   * @throws FaceError `damaged` if arrays are missing, or are for another layout
   */
  static from(file: ArrayFile, layout: Layout): ShapeFitter {
    return new ShapeFitter(file, layout);
  }

  /**
   * The same closer look, but its expressions have a share of those that a fit to the map before it finds.
   *
   * The fit takes the camera of the mean face: further rounds of camera and shape hardly change these weights.
   */
  join(look: Look): Look {
    if (!look.expressions.some(Number.isFinite)) return look;
    const residual = residualOf(this.mean, this.points(look.firstMap), this.mean);
    this.expressionsAlone ??= this.modes.less(this.identitySolver.cross, this.free);
    const found = this.identitySolver.boundedOnes(this.expressionsAlone.products(residual));
    const expressions = look.expressions.map(
      (weight, k) => weight + FIRST_MAP_SHARE * (found[this.seenPlaces[k]] - weight),
    );
    return { ...look, expressions };
  }

  /**
   * Identity, expression and camera of a position map.
   *
   * @param map size x size x 3 in the photo frame
   * @param seen expression weights that are known otherwise, such as those of the gaze
   * @throws RangeError if the map has another size, or an expression is unknown
   */
  fit(map: Float32Array, seen: SeenWeights = {}): Coefficients {
    const points = this.points(map);
    const bounds = this.bounds(seen);
    let identity: Float64Array = new Float64Array(this.count);
    let expression: Float64Array = new Float64Array(this.names.length);
    let shape = this.mean;
    for (let round = 0; round < ROUNDS; round++) {
      const residual = residualOf(shape, points, this.mean);
      const found = this.identitySolver.solve(residual, expression, bounds);
      [identity, expression] = [found.free, found.bounded];
      shape = this.modes.move(this.mean, [...identity, ...NO_MOVEMENT, ...expression]);
    }
    return result(identity, expression, points, shape, seen);
  }

  /**
   * Expression and camera of another map of the same person, such as the next frame of a video.
   *
   * @param map size x size x 3 in the photo frame
   * @param known an earlier result for this person; the last frame's is the best start
   * @param seen expression weights that are known otherwise
   * @throws RangeError if the map has another size, or an expression is unknown
   */
  fitExpression(map: Float32Array, known: Coefficients, seen: SeenWeights = {}): Coefficients {
    const points = this.points(map);
    const bounds = this.bounds(seen);
    const neutral = this.modes.move(this.mean, known.identity);
    let { expression } = known;
    let shape = this.modes.move(neutral, expression, this.free);
    for (let round = 0; round < TRACKING_ROUNDS; round++) {
      expression = this.expressionSolver.solve(residualOf(shape, points, neutral), expression, bounds).bounded;
      shape = this.modes.move(neutral, expression, this.free);
    }
    return result(known.identity, expression, points, shape, seen);
  }

  /** The points (n x 3) of a map that the fit reads. */
  private points(map: Float32Array): Float32Array {
    if (map.length !== this.mapLength) {
      throw new RangeError(`a position map has ${this.mapLength} values, got ${map.length}`);
    }
    return pointsAt(map, this.texels);
  }

  /** The lowest and the highest value of each expression weight. */
  private bounds(seen: SeenWeights): Bounds {
    const low = new Float64Array(this.names.length);
    const high = new Float64Array(this.names.length).fill(1);
    for (const [name, weight] of Object.entries(seen)) {
      const k = this.names.indexOf(name);
      if (k < 0) throw new RangeError(`there is no expression "${name}"; there are ${this.names.join(', ')}`);
      low[k] = high[k] = Math.min(Math.max(weight, 0), 1);
    }
    return { low, high };
  }
}

/**
 * The names of the weights that were found in a way that does not find them well enough to be shown: of the closer look
 * for those that it saw, else of the fit. A face still has these weights, because they explain parts of its map.
 */
export function unsupported(fitter: ShapeFitter, coefficients: Coefficients): string[] {
  const { fit, 'closer look': closerLook } = fitter.unsupported;
  return fitter.names.filter((name) => (coefficients.seen.has(name) ? closerLook : fit).has(name));
}

/**
 * For each way, the names whose found weights correlate with the true ones by less than 0.5 even from the front. Both
 * sides of an expression count together.
 */
export function badlyFound(quality: Quality): Record<Way, ReadonlySet<string>> {
  const found = (rows: Record<string, number>): ReadonlySet<string> => {
    const names = Object.keys(rows);
    return new Set(
      names.filter((name) => {
        const sides = [...new Set([name, otherSide(name)])].filter((side) => side in rows);
        return sides.reduce((sum, side) => sum + rows[side], 0) / sides.length < MIN_CORRELATION;
      }),
    );
  };
  return { fit: found(quality.fit), 'closer look': found(quality['closer look']) };
}

function readQuality(file: ArrayFile): Quality {
  const { quality } = file.meta as { quality?: Partial<Quality> };
  if (!quality?.fit || !quality['closer look']) {
    throw new FaceError('damaged', 'The file of the face model does not say how well expressions are found.');
  }
  return { fit: quality.fit, 'closer look': quality['closer look'] };
}

/**
 * Small movements of a whole face: shifts, rotations about three axes, growth. Those that keep the middle of the face in
 * its place are even, the others odd.
 *
 * @param mean the left half of the mean face, m x 3
 */
function rigidModes(mean: Float32Array): Mode[] {
  const each = (value: (x: number, y: number, z: number) => [number, number, number]): Float32Array => {
    const out = new Float32Array(mean.length);
    for (let i = 0; i < mean.length; i += 3) out.set(value(mean[i], mean[i + 1], mean[i + 2]), i);
    return out;
  };
  const u = RIGID_UNIT;
  return [
    { even: null, odd: each(() => [1, 0, 0]) },
    { even: each(() => [0, 1, 0]), odd: null },
    { even: each(() => [0, 0, 1]), odd: null },
    { even: each((_, y, z) => [0, -z / u, y / u]), odd: null },
    { even: null, odd: each((x, _, z) => [z / u, 0, -x / u]) },
    { even: null, odd: each((x, y) => [-y / u, x / u, 0]) },
    { even: each((x, y, z) => [x / u, y / u, z / u]), odd: null },
  ];
}

/** Difference (n x 3) between points, transformed by the camera that fits `shape`, and the neutral face. */
function residualOf(shape: Float32Array, points: Float32Array, neutral: Float32Array): Float32Array {
  const found = Camera.fit(everyPoint(shape, CAMERA_STEP), everyPoint(points, CAMERA_STEP)).unproject(points);
  const out = new Float32Array(found.length);
  for (let i = 0; i < out.length; i++) out[i] = found[i] - neutral[i];
  return out;
}

function result(
  identity: Float64Array,
  expression: Float64Array,
  points: Float32Array,
  shape: Float32Array,
  seen: SeenWeights,
): Coefficients {
  const camera = Camera.fit(shape, points);
  const found = camera.unproject(points);
  let away = 0;
  for (let i = 0; i < found.length; i++) away += (found[i] - shape[i]) ** 2;
  const error = Math.sqrt(away / (points.length / 3));
  return { identity, expression, camera, error, seen: new Set(Object.keys(seen)) };
}
