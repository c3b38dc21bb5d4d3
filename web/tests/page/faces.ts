/** A face for tests: few points, and a pose that is no special case. */
import type { Face, FaceMesh } from '../../src/index';

const [p, y, r] = [0.2, -0.5, 0.3]; // radians of pitch, yaw and roll
const multiply = (a: number[], b: number[]): number[] =>
  Array.from({ length: 9 }, (_, k) => {
    const [row, column] = [Math.floor(k / 3), k % 3];
    return [0, 1, 2].reduce((sum, i) => sum + a[3 * row + i] * b[3 * i + column], 0);
  });
/** R = Rx Ry Rz, as the conventions have it. */
export const ROTATION = multiply(
  multiply(
    [1, 0, 0, 0, Math.cos(p), Math.sin(p), 0, -Math.sin(p), Math.cos(p)],
    [Math.cos(y), 0, -Math.sin(y), 0, 1, 0, Math.sin(y), 0, Math.cos(y)],
  ),
  [Math.cos(r), Math.sin(r), 0, -Math.sin(r), Math.cos(r), 0, 0, 0, 1],
);
const SCALE = 1.7;
const TRANSLATION = [210, 180, 4];

/** Points (n x 3) of the face frame in the photo frame, by the camera of {@link face}. */
export function project(points: readonly number[]): Float32Array {
  const out = new Float32Array(points.length);
  for (let k = 0; k < points.length; k += 3) {
    const [x, up, z] = [0, 3, 6].map((row) => [0, 1, 2].reduce((sum, i) => sum + ROTATION[row + i] * points[k + i], 0));
    out.set([SCALE * x + TRANSLATION[0], TRANSLATION[1] - SCALE * up, SCALE * z + TRANSLATION[2]], k);
  }
  return out;
}

/** A square roof whose ridge is toward the camera; the last two triangles are the membrane. */
export const MESH: FaceMesh = {
  triangles: Uint32Array.from([0, 1, 2, 2, 1, 3, 2, 3, 4, 4, 3, 5]),
  membraneStart: 2,
  uv: Float32Array.from([0.1, 0.1, 0.1, 0.9, 0.5, 0.1, 0.5, 0.9, 0.9, 0.1, 0.9, 0.9]),
  mean: Float32Array.from([-50, 60, 0, -50, -60, 0, 0, 60, 30, 0, -60, 30, 50, 60, 0, 50, -60, 0]),
  size: 16,
};

/** A face with some weights; its vertices are the mean's. */
export function face(expressions: Record<string, number> = {}, unsupported: string[] = []): Face {
  return {
    id: 0,
    look: 0,
    confidence: 0.9,
    positionMap: new Float32Array(3 * 16 * 16),
    landmarks: Float32Array.from({ length: 204 }, (_, k) => k / 3),
    vertices: project([...MESH.mean]),
    pose: {
      pitch: (180 * p) / Math.PI,
      yaw: (180 * y) / Math.PI,
      roll: (180 * r) / Math.PI,
      rotation: Float64Array.from(ROTATION),
      scale: SCALE,
      translation: Float64Array.from(TRANSLATION),
    },
    expressions,
    unsupported,
    eyes: { gaze: Float64Array.from([0, 0, 1, NaN, NaN, NaN]), irises: new Float64Array(6).fill(NaN) },
    openness: Float64Array.from([0.3, 0.3, 0.1]),
  };
}
