/** Frames and normals of faces. The photo frame has y down; upright frames have y up and z toward the camera. */
import type { Pose } from '../../src/index';

/**
 * Photo frame to the face frame, in millimetres, at the size of the mean face.
 *
 * @param points n x 3 in the photo frame
 * @param pose its camera is undone
 * @param turned false keeps the head's rotation: upright axes about the face frame's origin
 */
export function toMillimetres(points: ArrayLike<number>, pose: Pose, turned: boolean): Float32Array {
  const out = new Float32Array(points.length);
  const { rotation: r, scale, translation: t } = pose;
  for (let k = 0; k < points.length; k += 3) {
    const x = (points[k] - t[0]) / scale;
    const y = (t[1] - points[k + 1]) / scale;
    const z = (points[k + 2] - t[2]) / scale;
    out[k] = turned ? r[0] * x + r[3] * y + r[6] * z : x;
    out[k + 1] = turned ? r[1] * x + r[4] * y + r[7] * z : y;
    out[k + 2] = turned ? r[2] * x + r[5] * y + r[8] * z : z;
  }
  return out;
}

/**
 * Unit normals of a mesh, the mean of the adjacent triangles' normals weighted by area.
 *
 * @param points n x 3, right-handed, or in the photo frame with `down`
 * @param triangles t x 3, counter-clockwise from outside where y points up
 * @param down y points down, so the normals of the triangles point inward and are turned
 * @param out n x 3, written and returned
 */
export function vertexNormals(
  points: ArrayLike<number>,
  triangles: ArrayLike<number>,
  down = false,
  out = new Float32Array(points.length),
): Float32Array {
  out.fill(0);
  const sign = down ? -1 : 1;
  for (let k = 0; k < triangles.length; k += 3) {
    const a = 3 * triangles[k];
    const b = 3 * triangles[k + 1];
    const c = 3 * triangles[k + 2];
    const ux = points[b] - points[a];
    const uy = points[b + 1] - points[a + 1];
    const uz = points[b + 2] - points[a + 2];
    const vx = points[c] - points[a];
    const vy = points[c + 1] - points[a + 1];
    const vz = points[c + 2] - points[a + 2];
    const x = sign * (uy * vz - uz * vy);
    const y = sign * (uz * vx - ux * vz);
    const z = sign * (ux * vy - uy * vx);
    for (const i of [a, b, c]) {
      out[i] += x;
      out[i + 1] += y;
      out[i + 2] += z;
    }
  }
  return normalized(out);
}

/** Normals (n x 3) that vary less: each becomes the mean over its triangles, some times, in place. */
export function smoothNormals(normals: Float32Array, triangles: ArrayLike<number>, times: number): Float32Array {
  const sum = new Float32Array(normals.length);
  for (let round = 0; round < times; round++) {
    sum.fill(0);
    for (let k = 0; k < triangles.length; k += 3) {
      const a = 3 * triangles[k];
      const b = 3 * triangles[k + 1];
      const c = 3 * triangles[k + 2];
      for (let d = 0; d < 3; d++) {
        const mean = normals[a + d] + normals[b + d] + normals[c + d];
        sum[a + d] += mean;
        sum[b + d] += mean;
        sum[c + d] += mean;
      }
    }
    normals.set(normalized(sum));
  }
  return normals;
}

function normalized(vectors: Float32Array): Float32Array {
  for (let k = 0; k < vectors.length; k += 3) {
    const length = Math.hypot(vectors[k], vectors[k + 1], vectors[k + 2]) || 1;
    for (let d = 0; d < 3; d++) vectors[k + d] /= length;
  }
  return vectors;
}

/** The lowest and the highest corner of points (n x 3). */
export function bounds(points: ArrayLike<number>): { low: [number, number, number]; high: [number, number, number] } {
  const low: [number, number, number] = [Infinity, Infinity, Infinity];
  const high: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  for (let k = 0; k < points.length; k++) {
    const axis = k % 3;
    if (points[k] < low[axis]) low[axis] = points[k];
    if (points[k] > high[axis]) high[axis] = points[k];
  }
  return { low, high };
}

/** The unit quaternion (x, y, z, w) of a rotation (3 x 3, row by row). */
export function quaternion(rotation: ArrayLike<number>): [number, number, number, number] {
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = Array.from(rotation);
  // the largest of four numbers is divided by, so that rounding does no harm (Shepperd, 1978)
  const squares = [1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz, 1 + xx + yy + zz];
  const most = squares.indexOf(Math.max(...squares));
  const twice = Math.sqrt(squares[most]);
  const q = [
    [twice * twice, yx + xy, xz + zx, zy - yz],
    [yx + xy, twice * twice, zy + yz, xz - zx],
    [xz + zx, zy + yz, twice * twice, yx - xy],
    [zy - yz, xz - zx, yx - xy, twice * twice],
  ][most].map((value) => value / (2 * twice));
  return [q[0], q[1], q[2], q[3]];
}
