import { expect, test } from 'vitest';
import type { Box } from '../../src/geometry/crop';
import { boxSize, landmarkBox, overlap } from '../../src/geometry/landmarks';
import { largestDifference, readVectors } from '../read-vectors';

const vectors = readVectors('geometry.bin');

test('the box around landmarks', () => {
  const points = vectors.float64('points');
  expect(landmarkBox(points)).toEqual([...vectors.float64('landmark box')]);
  const flat = points.filter((_, k) => k % 3 < 2);
  expect(landmarkBox(flat, 2)).toEqual([...vectors.float64('landmark box')]);
});

test('the size of a box', () => {
  const box = [...vectors.float64('crop box')] as Box;
  expect(boxSize(box)).toBeCloseTo(vectors.float64('box size')[0], 9);
  expect(boxSize([5, 5, 5, 5])).toBe(1e-3);
});

test('overlaps of boxes', () => {
  const values = vectors.float64('boxes');
  const boxes = Array.from({ length: values.length / 4 }, (_, k) => [...values.slice(4 * k, 4 * k + 4)] as Box);
  const found = overlap(boxes, [...vectors.float64('crop box')] as Box);
  expect(largestDifference(found, vectors.float64('overlap'))).toBeLessThan(1e-12);
  expect(found.some((share) => share > 0.1)).toBe(true);
  expect(overlap([], [0, 0, 1, 1])).toEqual([]);
  expect(overlap([[0, 0, 1, 1]], [0, 0, 1, 1])).toEqual([1]);
});
