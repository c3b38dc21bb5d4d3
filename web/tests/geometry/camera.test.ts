import { describe, expect, test } from 'vitest';
import { Camera, rotationDistance, similarityAlignment2 } from '../../src/geometry/camera';
import { largestDifference, readVectors, tell } from '../read-vectors';

const vectors = readVectors('geometry.bin');

function numbersOf(camera: Camera): number[] {
  return [...camera.rotation, camera.scale, ...camera.translation];
}

describe('a camera', () => {
  const cases = (vectors.meta.cameras as string[]).map((name, k) => [name, k] as const);
  test.each(cases)('that is %s', (name, k) => {
    const vertices = vectors.float64(`vertices ${k}`);
    const points = vectors.float64(`points ${k}`);
    const camera = Camera.fit(vertices, points);
    const weighted = Camera.fit(vertices, points, vectors.float64(`weights ${k}`));
    const difference = largestDifference(numbersOf(camera), vectors.float64(`camera ${k}`));
    tell(`camera, ${name}`, difference);
    expect(difference).toBeLessThan(1e-9);
    expect(largestDifference(numbersOf(weighted), vectors.float64(`camera weighted ${k}`))).toBeLessThan(1e-9);
    if (name !== 'gimbal lock') {
      expect(largestDifference(camera.angles, vectors.float64(`angles ${k}`))).toBeLessThan(1e-6);
      expect(largestDifference(weighted.angles, vectors.float64(`angles weighted ${k}`))).toBeLessThan(1e-6);
    }
    expect(largestDifference(camera.project(vertices), vectors.float64(`projected ${k}`))).toBeLessThan(1e-9);
    expect(largestDifference(camera.unproject(points), vectors.float64(`unprojected ${k}`))).toBeLessThan(1e-9);
    expect(largestDifference(camera.matrix, vectors.float64(`matrix ${k}`))).toBeLessThan(1e-9);
    const distance = rotationDistance(camera.rotation, vectors.float64(`truth ${k}`));
    expect(distance).toBeCloseTo(vectors.float64(`distance ${k}`)[0], 4);
  });

  test('puts everything into the pitch at a yaw of 90 degrees', () => {
    const k = (vectors.meta.cameras as string[]).indexOf('gimbal lock');
    const rotation = vectors.float64(`truth ${k}`);
    const [pitch, yaw, roll] = new Camera(rotation, 1, new Float64Array(3)).angles;
    expect(pitch).toBeCloseTo(20, 6);
    expect(yaw).toBeCloseTo(90, 5);
    expect(roll).toBe(0);
  });

  test('needs points that tell one', () => {
    const same = new Float64Array(30).fill(4);
    const points = Float64Array.from({ length: 30 }, (_, i) => i * i);
    expect(() => Camera.fit(same, points)).toThrow(/coincide or are not finite/);
    expect(() => Camera.fit(points, same.fill(NaN))).toThrow(/coincide or are not finite/);
    expect(() => Camera.fit(points, points.subarray(3))).toThrow(/no pairs of points/);
    expect(() => Camera.fit([], [])).toThrow(/no pairs of points/);
    expect(() => Camera.fit(points, points, [1, 2])).toThrow(/2 weights were given for 10 points/);
  });
});

test('an alignment in the plane', () => {
  const [source, target, weights] = ['source', 'target', 'weights'].map((name) => vectors.float64(`flat ${name}`));
  const { scale, rotation, translation } = similarityAlignment2(source, target, weights);
  const found = [scale, ...rotation, ...translation];
  expect(largestDifference(found, vectors.float64('flat result'))).toBeLessThan(1e-9);
  expect(() => similarityAlignment2([1, 1, 1, 1], [1, 2, 3, 4])).toThrow(/coincide/);
});
