import { describe, expect, test } from 'vitest';
import { openings, openness } from '../../src/uv/openings';
import { faceLayout, largestDifference, readVectors, tell } from '../read-vectors';

const vectors = readVectors('layout.bin');
const layout = faceLayout();

describe('the openings of a face', () => {
  test('have the rims of Python', () => {
    const found = openings(layout);
    expect(found).toHaveLength(3);
    found.forEach(({ upper, lower, ends }, k) => {
      expect(largestDifference([...upper, ...lower], vectors.int32(`rims ${k}`))).toBe(0);
      expect(largestDifference(ends, vectors.int32(`ends ${k}`))).toBe(0);
    });
  });

  test('are as open as in Python', () => {
    const found = openness(vectors.float32('face'), layout);
    const difference = largestDifference(found, vectors.float64('openness'));
    tell('openness', difference);
    expect(difference).toBeLessThan(1e-5);
    expect(found[0]).toBeGreaterThan(0.1);
  });

  test('are closed where the lids meet or cross', () => {
    const crossed = vectors.float32('face').slice();
    openings(layout).forEach(({ upper, lower }, k) => {
      upper.forEach((texel, i) => (crossed[3 * texel + 1] = crossed[3 * lower[i] + 1] - k));
    });
    expect([...openness(crossed, layout)]).toEqual([0, 0, 0]);
  });
});
