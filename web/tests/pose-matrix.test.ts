import { describe, expect, it } from 'vitest';
import { Camera } from '../src/geometry/camera';
import { poseMatrix } from '../src/pose-matrix';
import type { Pose } from '../src/types';

const DEGREES = Math.PI / 180;
const picture = { width: 1280, height: 720 };

/** Rx(pitch) Ry(yaw) Rz(roll), row by row, as the Python package defines it. */
function rotation(pitch: number, yaw: number, roll: number): Float64Array {
  const [a, b, c] = [pitch * DEGREES, yaw * DEGREES, roll * DEGREES];
  const x = [1, 0, 0, 0, Math.cos(a), Math.sin(a), 0, -Math.sin(a), Math.cos(a)];
  const y = [Math.cos(b), 0, -Math.sin(b), 0, 1, 0, Math.sin(b), 0, Math.cos(b)];
  const z = [Math.cos(c), Math.sin(c), 0, -Math.sin(c), Math.cos(c), 0, 0, 0, 1];
  return Float64Array.from(product(product(x, y), z));
}

function product(a: number[], b: number[]): number[] {
  return Array.from({ length: 9 }, (_, i) => {
    const [row, column] = [3 * Math.floor(i / 3), i % 3];
    return a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
  });
}

function poseAt(x: number, y: number, z: number, turn = rotation(10, -35, 15), scale = 1.4): Pose {
  return { pitch: 10, yaw: -35, roll: 15, rotation: turn, scale, translation: Float64Array.of(x, y, z) };
}

/** Where three.js would draw a point of the face frame: pixels of the picture, and its distance from the camera. */
function drawn(matrix: Float64Array, point: number[], fov: number): [number, number, number] {
  const at = [0, 1, 2].map(
    (row) => matrix[12 + row] + [0, 1, 2].reduce((sum, k) => sum + matrix[4 * k + row] * point[k], 0),
  );
  const focal = picture.height / 2 / Math.tan((fov / 2) * DEGREES); // pixels
  // the middle of the picture is between pixels: the centre of the first one is (0, 0)
  return [
    picture.width / 2 - 0.5 + (focal * at[0]) / -at[2],
    picture.height / 2 - 0.5 - (focal * at[1]) / -at[2],
    -at[2],
  ];
}

const points = [
  [0, 0, 0],
  [35, 30, 20],
  [-60, -10, -50],
  [0, -20, 55],
];

describe('poseMatrix', () => {
  it.each([20, 50, 75])(
    'draws points as the pose projects them, but for perspective, with a view of %d degrees',
    (fov) => {
      const pose = poseAt(1150, 640, -35);
      const camera = new Camera(pose.rotation, pose.scale, pose.translation);
      const matrix = poseMatrix(pose, picture, { fov });
      const distance = picture.height / (2 * pose.scale * Math.tan((fov / 2) * DEGREES));
      for (const point of points) {
        const [x, y, z] = camera.project(point);
        const [u, v, depth] = drawn(matrix, point, fov);
        expect(depth).toBeCloseTo(distance - z / pose.scale, 9);
        const growth = distance / depth; // perspective enlarges what is near, about the face frame's origin
        expect(u).toBeCloseTo(1150 + growth * (x - 1150), 8);
        expect(v).toBeCloseTo(640 + growth * (y - 640), 8);
      }
    },
  );

  it('draws the plane of the mean depth exactly', () => {
    const pose = poseAt(200, 100, 12);
    const camera = new Camera(pose.rotation, pose.scale, pose.translation);
    const point = Array.from(camera.unproject([260, 140, 0]));
    const [u, v] = drawn(poseMatrix(pose, picture), point, 50);
    expect(u).toBeCloseTo(200 + (260 - 200), 8);
    expect(v).toBeCloseTo(140, 8);
  });

  it('is rigid where asked for, and the same in the middle of the picture', () => {
    const middle = poseAt(picture.width / 2 - 0.5, picture.height / 2 - 0.5, 5);
    expectClose(poseMatrix(middle, picture, { rigid: true }), poseMatrix(middle, picture));
    const aside = poseAt(1150, 640, -35);
    const matrix = poseMatrix(aside, picture, { rigid: true });
    const axes = [0, 4, 8].map((i) => Array.from(matrix.subarray(i, i + 3)));
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const dot = axes[i].reduce((sum, value, k) => sum + value * axes[j][k], 0);
        expect(dot).toBeCloseTo(i === j ? 1 : 0, 12);
      }
    }
    const [u, v] = drawn(matrix, [0, 0, 0], 50);
    expect([u, v]).toEqual([expect.closeTo(1150, 8), expect.closeTo(640, 8)]);
    // a small step along the line to the middle is drawn 1 / cos times as long, one across it as it is
    const camera = new Camera(aside.rotation, aside.scale, Float64Array.of(1150, 640, 0));
    const flat = { ...aside, translation: Float64Array.of(1150, 640, 0) };
    const [dx, dy] = [1150 - (picture.width / 2 - 0.5), 640 - (picture.height / 2 - 0.5)];
    const length = Math.hypot(dx, dy);
    const focal = picture.height / 2 / Math.tan(25 * DEGREES);
    const steps = { along: [dx / length, dy / length], across: [-dy / length, dx / length] };
    const expected = { along: Math.hypot(length, focal) / focal, across: 1 };
    for (const kind of ['along', 'across'] as const) {
      const [sx, sy] = steps[kind];
      const point = Array.from(camera.unproject([1150 + 0.01 * sx, 640 + 0.01 * sy, 0]));
      const [px, py] = drawn(poseMatrix(flat, picture, { rigid: true }), point, 50);
      expect(Math.hypot(px - 1150, py - 640) / 0.01).toBeCloseTo(expected[kind], 3);
    }
  });

  it('has a determinant of 1: nothing is mirrored or grows', () => {
    for (const rigid of [false, true]) {
      const m = poseMatrix(poseAt(100, 50, 3), picture, { rigid });
      const cross = [m[5] * m[10] - m[6] * m[9], m[6] * m[8] - m[4] * m[10], m[4] * m[9] - m[5] * m[8]];
      expect(m[0] * cross[0] + m[1] * cross[1] + m[2] * cross[2]).toBeCloseTo(1, 10);
      expect([m[3], m[7], m[11], m[15]]).toEqual([0, 0, 0, 1]);
    }
  });

  it.each([0, 180, Number.NaN])('refuses a field of view of %d degrees', (fov) => {
    expect(() => poseMatrix(poseAt(0, 0, 0), picture, { fov })).toThrow(RangeError);
  });
});

function expectClose(a: Float64Array, b: Float64Array): void {
  a.forEach((value, i) => expect(value).toBeCloseTo(b[i], 10));
}
