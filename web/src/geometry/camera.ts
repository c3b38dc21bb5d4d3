/**
 * The scaled-orthographic camera, and similarity alignment.
 *
 * The face frame is right-handed, in millimetres, with y up; the photo frame is in pixels, with y down. With
 * R = Rx(pitch) Ry(yaw) Rz(roll) a camera is `x = k (R v)_x + t_x`, `y = t_y - k (R v)_y`, `z = k (R v)_z + t_z`.
 */
import { determinant3, dot, svd3 } from '../common/linear.js';

const DEGREES = 180 / Math.PI;
const GIMBAL_LOCK = 1 - 1e-12; // the sine of a yaw beyond which pitch and roll are one angle

/** A scaled-orthographic camera from the face frame to the photo frame. */
export class Camera {
  /**
   * @param rotation R, 3 x 3, row by row
   * @param scale k, pixels per millimetre
   * @param translation t in pixels: where the face frame's origin is in the photo frame
   */
  constructor(
    readonly rotation: Float64Array,
    readonly scale: number,
    readonly translation: Float64Array,
  ) {}

  /**
   * The camera that projects vertices onto their points best, by least squares.
   *
   * @param vertices n x 3, face frame
   * @param points n x 3, photo frame
   * @param weights n, not negative; 1 by default
   * @throws RangeError if the shapes differ, the vertices coincide, or values are not finite
   */
  static fit(vertices: ArrayLike<number>, points: ArrayLike<number>, weights?: ArrayLike<number>): Camera {
    const { scale, rotation, translation } = similarityAlignment3(vertices, points, weights);
    return new Camera(rotation, scale, translation);
  }

  /** Pitch, yaw and roll in degrees. */
  get angles(): [number, number, number] {
    return rotationAngles(this.rotation);
  }

  /** The 3 x 4 matrix of the camera, row by row. */
  get matrix(): Float64Array {
    const { rotation: r, scale: k, translation: t } = this;
    return Float64Array.of(
      ...[k * r[0], k * r[1], k * r[2], t[0]],
      ...[-k * r[3], -k * r[4], -k * r[5], t[1]],
      ...[k * r[6], k * r[7], k * r[8], t[2]],
    );
  }

  /** Points n x 3 of the face frame to points n x 3 of the photo frame. */
  project(vertices: ArrayLike<number>): Float64Array {
    const { rotation: r, scale: k, translation: t } = this;
    const out = new Float64Array(vertices.length);
    for (let i = 0; i < vertices.length; i += 3) {
      const x = vertices[i];
      const y = vertices[i + 1];
      const z = vertices[i + 2];
      out[i] = k * (r[0] * x + r[1] * y + r[2] * z) + t[0];
      out[i + 1] = t[1] - k * (r[3] * x + r[4] * y + r[5] * z);
      out[i + 2] = k * (r[6] * x + r[7] * y + r[8] * z) + t[2];
    }
    return out;
  }

  /** Points n x 3 of the photo frame to points n x 3 of the face frame. */
  unproject(points: ArrayLike<number>): Float64Array {
    const { rotation: r, scale: k, translation: t } = this;
    const out = new Float64Array(points.length);
    for (let i = 0; i < points.length; i += 3) {
      const x = (points[i] - t[0]) / k;
      const y = (t[1] - points[i + 1]) / k;
      const z = (points[i + 2] - t[2]) / k;
      out[i] = r[0] * x + r[3] * y + r[6] * z;
      out[i + 1] = r[1] * x + r[4] * y + r[7] * z;
      out[i + 2] = r[2] * x + r[5] * y + r[8] * z;
    }
    return out;
  }
}

/** Pitch, yaw and roll in degrees of a rotation (3 x 3, row by row); yaw lies in [-90, 90]. */
export function rotationAngles(r: ArrayLike<number>): [number, number, number] {
  const yaw = Math.asin(Math.min(Math.max(-r[2], -1), 1));
  // near a yaw of 90 degrees only one angle beside it is determined: it becomes the pitch
  const locked = Math.abs(r[2]) > GIMBAL_LOCK;
  const pitch = locked ? Math.atan2(-r[7], r[4]) : Math.atan2(r[5], r[8]);
  const roll = locked ? 0 : Math.atan2(r[1], r[0]);
  return [pitch * DEGREES, yaw * DEGREES, roll * DEGREES];
}

/** The angle, 0 to 180 degrees, between two rotations (3 x 3, row by row). */
export function rotationDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const cosine = (dot(a, b) - 1) / 2;
  return Math.acos(Math.min(Math.max(cosine, -1), 1)) * DEGREES;
}

/**
 * The camera's scale, rotation and translation by least squares (Umeyama, IEEE TPAMI 13(4), 1991, equations 40 to 43),
 * from points of the face frame to points of the photo frame, whose y is turned up meanwhile.
 */
function similarityAlignment3(
  source: ArrayLike<number>,
  target: ArrayLike<number>,
  weights?: ArrayLike<number>,
): { scale: number; rotation: Float64Array; translation: Float64Array } {
  checkPairs(source, target, 3, weights);
  const s = weightedMean(source, 3, weights);
  const t = weightedMean(target, 3, weights);
  const { covariance, variance } = centredProducts(source, target, s, t, weights);
  checkSpread(variance, covariance);
  for (let j = 0; j < 3; j++) covariance[3 + j] = -covariance[3 + j]; // y up
  const { u, values, v } = svd3(covariance);
  const sign = determinant3(u) * determinant3(v) < 0 ? -1 : 1;
  const rotation = new Float64Array(9);
  for (let i = 0; i < 9; i += 3) {
    for (let j = 0; j < 3; j++) {
      rotation[i + j] = u[i] * v[3 * j] + u[i + 1] * v[3 * j + 1] + sign * u[i + 2] * v[3 * j + 2];
    }
  }
  const scale = (values[0] + values[1] + sign * values[2]) / variance;
  const moved = new Camera(rotation, scale, new Float64Array(3)).project(s);
  return { scale, rotation, translation: Float64Array.of(t[0] - moved[0], t[1] - moved[1], t[2] - moved[2]) };
}

/** Weighted means of products: target x source (3 x 3), and the variance of the source. */
function centredProducts(
  source: ArrayLike<number>,
  target: ArrayLike<number>,
  s: Float64Array,
  t: Float64Array,
  weights?: ArrayLike<number>,
): { covariance: Float64Array; variance: number } {
  const covariance = new Float64Array(9);
  let variance = 0;
  let total = 0;
  for (let i = 0, k = 0; i < source.length; i += 3, k++) {
    const w = weights ? weights[k] : 1;
    const x = source[i] - s[0];
    const y = source[i + 1] - s[1];
    const z = source[i + 2] - s[2];
    for (let c = 0; c < 3; c++) {
      const moved = w * (target[i + c] - t[c]);
      covariance[3 * c] += moved * x;
      covariance[3 * c + 1] += moved * y;
      covariance[3 * c + 2] += moved * z;
    }
    variance += w * (x * x + y * y + z * z);
    total += w;
  }
  return { covariance: covariance.map((value) => value / total), variance: variance / total };
}

/**
 * Scale, rotation (2 x 2, row by row, proper) and translation with `target ~ scale R source + translation`, by least
 * squares.
 *
 * @param source n x 2
 * @param target n x 2
 * @param weights n, not negative; 1 by default
 * @throws RangeError if the shapes differ, the source points coincide, or values are not finite
 */
export function similarityAlignment2(
  source: ArrayLike<number>,
  target: ArrayLike<number>,
  weights?: ArrayLike<number>,
): { scale: number; rotation: Float64Array; translation: Float64Array } {
  checkPairs(source, target, 2, weights);
  const s = weightedMean(source, 2, weights);
  const t = weightedMean(target, 2, weights);
  let along = 0; // scalar products, the cosine's part
  let across = 0; // cross products, the sine's part
  let variance = 0;
  for (let i = 0, k = 0; i < source.length; i += 2, k++) {
    const w = weights ? weights[k] : 1;
    const [x, y] = [source[i] - s[0], source[i + 1] - s[1]];
    const [u, v] = [target[i] - t[0], target[i + 1] - t[1]];
    along += w * (x * u + y * v);
    across += w * (x * v - y * u);
    variance += w * (x * x + y * y);
  }
  checkSpread(variance, [along, across]);
  const length = Math.hypot(along, across);
  const [cosine, sine] = length > 0 ? [along / length, across / length] : [1, 0];
  const scale = length / variance;
  const translation = Float64Array.of(
    t[0] - scale * (cosine * s[0] - sine * s[1]),
    t[1] - scale * (sine * s[0] + cosine * s[1]),
  );
  return { scale, rotation: Float64Array.of(cosine, -sine, sine, cosine), translation };
}

function checkPairs(
  source: ArrayLike<number>,
  target: ArrayLike<number>,
  dimension: number,
  weights?: ArrayLike<number>,
): void {
  if (source.length !== target.length || source.length % dimension || !source.length) {
    throw new RangeError(`${source.length} and ${target.length} values are no pairs of points with ${dimension} each`);
  }
  if (weights && weights.length * dimension !== source.length) {
    throw new RangeError(`${weights.length} weights were given for ${source.length / dimension} points`);
  }
}

function checkSpread(variance: number, products: ArrayLike<number>): void {
  if (!(variance > 0) || ![variance, ...Array.from(products)].every(Number.isFinite)) {
    throw new RangeError('the points coincide or are not finite: no similarity is determined');
  }
}

function weightedMean(points: ArrayLike<number>, dimension: number, weights?: ArrayLike<number>): Float64Array {
  const out = new Float64Array(dimension);
  let total = 0;
  for (let i = 0, k = 0; i < points.length; i += dimension, k++) {
    const w = weights ? weights[k] : 1;
    for (let c = 0; c < dimension; c++) out[c] += w * points[i + c];
    total += w;
  }
  return out.map((value) => value / total);
}
