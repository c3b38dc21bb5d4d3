import { expect, test } from 'vitest';
import { faceLikelihood, shapeDistance } from '../../src/reconstruction/likelihood';
import { faceLayout, largestDifference, readPackageFile, readVectors, tell } from '../read-vectors';

const vectors = readVectors('layout.bin');
const layout = faceLayout();
const maps = (vectors.meta['likely maps'] as string[]).map((name, k) => {
  const length = 128 * 128 * 3;
  return { name, map: vectors.float32('likely maps').subarray(k * length, (k + 1) * length) };
});

test('the distance from a face', () => {
  const found = maps.map(({ map }) => shapeDistance(map, layout));
  const difference = largestDifference(found, vectors.float64('distances'));
  tell('shape distance, mm', difference);
  expect(difference).toBeLessThan(1e-4);
  expect(found[0]).toBeLessThan(found[1]);
});

test('the likelihood of a face', () => {
  const { doubt } = readPackageFile('face.bin').meta.model as { doubt: [number, number] };
  const found = maps.map(({ map }) => faceLikelihood(map, layout, doubt));
  expect(largestDifference(found, vectors.float64('likelihoods'))).toBeLessThan(1e-4);
  expect(found[0]).toBeGreaterThan(0.9);
  expect(found[found.length - 1]).toBeLessThan(0.1);
  const byDefault = maps.map(({ map }) => faceLikelihood(map, layout));
  expect(largestDifference(byDefault, vectors.float64('likelihoods by default'))).toBeLessThan(1e-4);
});
