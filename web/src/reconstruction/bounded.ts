/** Least squares with coefficients that have bounds: the weights of expressions lie between 0 and 1. */
import { dot, invert, matVec, solve } from '../common/linear.js';

const ENOUGH_SLOPE = 1e-6;
const MAX_STEPS = 100;
const SHORTEST_STEP = 1e-6;
const FREE_PRIOR = 1e-6; // of the free coefficients without a prior: just enough for an inverse
const BOUNDED_PRIOR = 1e-3; // two of the shapes are nearly opposite

/** The lowest and the highest value of each bounded coefficient. */
export interface Bounds {
  low: ArrayLike<number>;
  high: ArrayLike<number>;
}

/**
 * The x between bounds that minimises `x A x / 2 - x v` with A positive definite.
 *
 * Projected Newton steps (Bertsekas, Projected Newton methods for optimization problems with simple constraints, SIAM
 * Journal on Control and Optimization 20, 1982): a few of them from a good start.
 *
 * @param matrix A, n x n
 * @param vector v, n
 * @param start a guess of x, n
 * @param bounds of x, n each; 0 and 1 by default
 */
export function boundedMinimum(
  matrix: Float64Array,
  vector: Float64Array,
  start: ArrayLike<number>,
  bounds?: Bounds,
): Float64Array {
  const n = vector.length;
  const low = bounds?.low ?? new Float64Array(n);
  const high = bounds?.high ?? new Float64Array(n).fill(1);
  const clipped = (values: ArrayLike<number>): Float64Array =>
    Float64Array.from(values, (value, k) => Math.min(Math.max(value, low[k]), high[k]));
  const slopeAt = (x: Float64Array): Float64Array => matVec(matrix, x, n, n).map((value, k) => value - vector[k]);
  // x A x / 2 - x v, of which the slope A x - v is known already
  const valueAt = (x: Float64Array, slope: Float64Array): number => (dot(x, slope) - dot(x, vector)) / 2;

  let x = clipped(start);
  let slope = slopeAt(x);
  for (let step = 0; step < MAX_STEPS; step++) {
    const free = freeOnes(x, slope, low, high);
    if (free.every((k) => Math.abs(slope[k]) < ENOUGH_SLOPE)) break;
    const newton = newtonStep(matrix, slope, free);
    const before = valueAt(x, slope);
    for (let length = 1; ; length /= 2) {
      const trial = clipped(x.map((value, k) => value - length * newton[k]));
      const newSlope = slopeAt(trial);
      if (valueAt(trial, newSlope) > before && length >= SHORTEST_STEP) continue;
      [x, slope] = [trial, newSlope];
      break;
    }
  }
  return x;
}

/** The coefficients that are not held at a bound by the slope. */
function freeOnes(x: Float64Array, slope: Float64Array, low: ArrayLike<number>, high: ArrayLike<number>): number[] {
  const free: number[] = [];
  for (let k = 0; k < x.length; k++) {
    const held = (x[k] <= low[k] && slope[k] > 0) || (x[k] >= high[k] && slope[k] < 0);
    if (!held) free.push(k);
  }
  return free;
}

/** Newton's step of the free coefficients; 0 for the others. */
function newtonStep(matrix: Float64Array, slope: Float64Array, free: number[]): Float64Array {
  const n = slope.length;
  const inner = new Float64Array(free.length * free.length);
  free.forEach((row, i) => free.forEach((column, j) => (inner[i * free.length + j] = matrix[row * n + column])));
  const found = solve(
    inner,
    free.map((k) => slope[k]),
    free.length,
  );
  const step = new Float64Array(n);
  free.forEach((k, i) => (step[k] = found[i]));
  return step;
}

/** What a {@link BoundedLeastSquares} is made of: rows of numbers, the free ones first, then the bounded ones. */
export interface Problem {
  /** Scalar products of all rows with a residual. */
  products: (residual: Float32Array) => Float64Array;
  /** The same of the rows with one another, rows x rows. */
  gram: Float64Array;
  /** Number of free rows. */
  free: number;
  /** How many of the free rows, the first ones, have a Gaussian prior and are wanted. */
  count: number;
  /** Prior means of the bounded coefficients. */
  priorMeans: ArrayLike<number>;
  /** 1 / s^2: the weight of each value of a residual. */
  scale: number;
}

/**
 * Least squares with free coefficients f (Gaussian prior) and bounded coefficients b (exponential prior).
 *
 * Minimises `|F f + B b - r|^2 / (2 s^2) + |f'|^2 / 2 + sum(b / m)`, where f' are the first `count` of f and m the prior
 * means of b. F and B are the transposes of the free and the bounded rows. The free coefficients are eliminated
 * beforehand (Schur complement), which leaves a bounded problem in b alone.
 */
export class BoundedLeastSquares {
  private readonly inverse: Float64Array; // of the free part, free x free
  /** free x bounded: how the free coefficients follow the bounded ones */
  readonly cross: Float64Array;
  private readonly schur: Float64Array; // bounded x bounded

  constructor(private readonly problem: Problem) {
    const { gram, free, count, scale } = problem;
    const all = Math.sqrt(gram.length);
    const bounded = all - free;
    const part = (fromRow: number, height: number, fromColumn: number, width: number): Float64Array =>
      Float64Array.from({ length: height * width }, (_, k) => {
        const [row, column] = [fromRow + Math.floor(k / width), fromColumn + (k % width)];
        return scale * gram[row * all + column];
      });
    const freePart = part(0, free, 0, free);
    for (let k = 0; k < free; k++) freePart[k * free + k] += k < count ? 1 : FREE_PRIOR;
    const both = part(0, free, free, bounded);
    this.inverse = invert(freePart, free);
    this.cross = solve(freePart, both, free, bounded);
    this.schur = part(free, bounded, free, bounded);
    for (let i = 0; i < bounded; i++) {
      for (let j = 0; j < bounded; j++) {
        for (let k = 0; k < free; k++)
          this.schur[i * bounded + j] -= both[k * bounded + i] * this.cross[k * bounded + j];
      }
      this.schur[i * bounded + i] += BOUNDED_PRIOR;
    }
  }

  /**
   * The bounded coefficients alone, in less time.
   *
   * @param products of the residual with the bounded rows, each less the free rows by their share of {@link cross}
   */
  boundedOnes(products: Float64Array): Float64Array {
    const { priorMeans, scale } = this.problem;
    const vector = products.map((value, k) => scale * value - 1 / priorMeans[k]);
    return boundedMinimum(this.schur, vector, new Float64Array(vector.length));
  }

  /**
   * The first `count` free coefficients, and the bounded ones.
   *
   * @param residual r, as many values as a row has
   * @param start a guess of the bounded coefficients
   * @param bounds of the bounded coefficients
   */
  solve(
    residual: Float32Array,
    start: ArrayLike<number>,
    bounds: Bounds,
  ): { free: Float64Array; bounded: Float64Array } {
    const { products, free, count, priorMeans, scale } = this.problem;
    const right = products(residual).map((value) => scale * value);
    const [f, b] = [right.subarray(0, free), right.subarray(free)];
    const vector = b.map((value, i) => {
      let known = 0;
      for (let k = 0; k < free; k++) known += this.cross[k * b.length + i] * f[k];
      return value - known - 1 / priorMeans[i];
    });
    const bounded = boundedMinimum(this.schur, vector, start, bounds);
    const alone = matVec(this.inverse.subarray(0, count * free), f, count, free);
    const moved = matVec(this.cross.subarray(0, count * b.length), bounded, count, b.length);
    return { free: alone.map((value, k) => value - moved[k]), bounded };
  }
}
