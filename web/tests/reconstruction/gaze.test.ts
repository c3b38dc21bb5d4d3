import { describe, expect, test } from 'vitest';
import { gazeAngles, lookWeights, seenLookWeights } from '../../src/reconstruction/gaze';
import { largestDifference, readVectors } from '../read-vectors';

const vectors = readVectors('look_parts.bin');

/** Whether weights have the names and, nearly, the values of Python. */
function expectWeights(found: Record<string, number>, expected: Record<string, number>): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, weight] of Object.entries(expected)) expect(found[name], name).toBeCloseTo(weight, 9);
}

describe('gaze', () => {
  test('has the angles of Python', () => {
    const directions = vectors.float64('directions');
    const found: number[] = [];
    for (let i = 0; i < directions.length; i += 3) found.push(...gazeAngles(directions.subarray(i, i + 3)));
    expect(largestDifference(found, vectors.float64('angles'))).toBeLessThan(1e-9);
  });

  test('has the weights of Python; an eye that is not seen has none', () => {
    const gaze = vectors.float64('gaze');
    const looks = vectors.meta.looks as Record<string, number>[];
    expect(new Set(looks.map((look) => Object.keys(look).length))).toEqual(new Set([0, 4, 8]));
    looks.forEach((look, k) => expectWeights(seenLookWeights(gaze.subarray(6 * k, 6 * k + 6)), look));
  });

  test('has the weights of Python for angles', () => {
    const angles = vectors.float64('eye angles');
    (vectors.meta['eye looks'] as Record<string, number>[]).forEach((look, k) => {
      const [rightPitch, rightYaw, leftPitch, leftYaw] = angles.subarray(4 * k, 4 * k + 4);
      expectWeights(lookWeights([rightPitch, rightYaw], [leftPitch, leftYaw]), look);
    });
  });

  test("to the person's right is out for the right eye and in for the left one", () => {
    const weights = lookWeights([0, 20], [0, 20]);
    expect(weights.eyeLookOutRight).toBe(0.5);
    expect(weights.eyeLookInLeft).toBe(0.5);
    expect(Object.values(weights).filter((weight) => weight > 0)).toHaveLength(2);
  });
});
