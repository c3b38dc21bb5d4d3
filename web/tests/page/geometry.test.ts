import { describe, expect, it } from 'vitest';
import { bounds, quaternion, smoothNormals, toMillimetres, vertexNormals } from '../../page/faces/geometry';
import { landmarkPairs, meanLandmark } from '../../page/faces/landmarks';
import { face, MESH, ROTATION } from './faces';

const close = (values: ArrayLike<number>, expected: readonly number[], digits = 4): void => {
  expect(values.length).toBe(expected.length);
  expected.forEach((value, k) => expect(values[k]).toBeCloseTo(value, digits));
};
/** A vector turned by a quaternion (x, y, z, w). */
function turned([x, y, z, w]: readonly number[], [a, b, c]: readonly number[]): number[] {
  const [s, t, u] = [2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)];
  return [a + w * s + y * u - z * t, b + w * t + z * s - x * u, c + w * u + x * t - y * s];
}

describe('frames', () => {
  it('undoes the camera', () => {
    close(toMillimetres(face().vertices, face().pose, true), [...MESH.mean], 3);
  });

  it('keeps the rotation when asked to', () => {
    const first = [0, 3, 6].map((row) => [0, 1, 2].reduce((sum, i) => sum + ROTATION[row + i] * MESH.mean[i], 0));
    close(toMillimetres(face().vertices, face().pose, false).slice(0, 3), first, 3);
  });

  it('turns a rotation into a quaternion, also by half a turn', () => {
    const axes = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    for (const rotation of [
      ROTATION,
      [1, 0, 0, 0, 1, 0, 0, 0, 1],
      [-1, 0, 0, 0, 1, 0, 0, 0, -1],
      [1, 0, 0, 0, -1, 0, 0, 0, -1],
      [-1, 0, 0, 0, -1, 0, 0, 0, 1],
    ]) {
      const q = quaternion(rotation);
      expect(Math.hypot(...q)).toBeCloseTo(1, 9);
      axes.forEach((axis, k) => close(turned(q, axis), [rotation[k], rotation[3 + k], rotation[6 + k]], 9));
    }
  });

  it('finds bounds', () => {
    expect(bounds(MESH.mean)).toEqual({ low: [-50, -60, 0], high: [50, 60, 30] });
  });
});

describe('normals', () => {
  it('point outward, in both frames', () => {
    const up = vertexNormals(MESH.mean, MESH.triangles);
    const down = vertexNormals(face().vertices, MESH.triangles, true);
    const side = Math.hypot(30, 50);
    close(up.slice(0, 3), [-30 / side, 0, 50 / side]);
    expect(up[8]).toBeGreaterThan(0.9);
    const first = [0, 3, 6].map((row) => [0, 1, 2].reduce((sum, i) => sum + ROTATION[row + i] * up[i], 0));
    close(down.slice(0, 3), [first[0], -first[1], first[2]]); // the photo's y points down
  });

  it('become more alike when smoothed, and stay unit vectors', () => {
    const before = vertexNormals(MESH.mean, MESH.triangles);
    const after = smoothNormals(before.slice(), MESH.triangles, 3);
    expect(after[2]).toBeGreaterThan(before[2]);
    for (let k = 0; k < after.length; k += 3) {
      expect(Math.hypot(after[k], after[k + 1], after[k + 2])).toBeCloseTo(1, 5);
    }
  });
});

describe('landmarks', () => {
  it('are joined within their parts', () => {
    const pairs = landmarkPairs();
    expect(pairs).toHaveLength(16 + 4 + 4 + 3 + 4 + 6 + 6 + 12 + 8);
    expect(pairs).toContainEqual([41, 36]);
    expect(pairs).not.toContainEqual([16, 17]);
  });

  it('have means', () => {
    expect(
      meanLandmark(
        Float32Array.from({ length: 204 }, (_, k) => k),
        36,
        38,
      ),
    ).toEqual([109.5, 110.5, 111.5]);
  });
});
