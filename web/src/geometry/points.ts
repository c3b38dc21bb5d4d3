/** Choosing among points, and distances of points: all are n x 3, flat. */

/**
 * Some of the points.
 *
 * @param points n x 3; or a map, whose points are its texels
 * @param places m numbers of points
 * @returns m x 3
 */
export function pointsAt(points: Float32Array, places: Int32Array): Float32Array {
  const out = new Float32Array(3 * places.length);
  for (let k = 0; k < places.length; k++) {
    for (let channel = 0; channel < 3; channel++) out[3 * k + channel] = points[3 * places[k] + channel];
  }
  return out;
}

/** Every step-th point, from the first. */
export function everyPoint(points: Float32Array, step: number): Float32Array {
  const out = new Float32Array(3 * Math.ceil(points.length / 3 / step));
  for (let i = 0, k = 0; k < out.length; i += 3 * step, k += 3) {
    out[k] = points[i];
    out[k + 1] = points[i + 1];
    out[k + 2] = points[i + 2];
  }
  return out;
}

/** The mean distance between points and their counterparts. */
export function meanDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 3) {
    const [x, y, z] = [a[i] - b[i], a[i + 1] - b[i + 1], a[i + 2] - b[i + 2]];
    sum += Math.sqrt(x * x + y * y + z * z);
  }
  return sum / (a.length / 3);
}
