import { describe, expect, test } from 'vitest';
import { boundedMinimum, BoundedLeastSquares } from '../../src/reconstruction/bounded';
import { largestDifference, readVectors } from '../read-vectors';
import { randomNumbers } from './random';

const vectors = readVectors('look_parts.bin');

describe('boundedMinimum', () => {
  test.each([0, 1, 2, 3, 4, 5])('finds the minimum of problem %d as Python does', (k) => {
    const [matrix, vector, start, low, high, expected] = ['matrix', 'vector', 'start', 'low', 'high', 'minimum'].map(
      (name) => vectors.float64(`${name} ${k}`),
    );
    const found = boundedMinimum(matrix, vector, start, { low, high });
    expect(largestDifference(found, expected)).toBeLessThan(1e-8);
    expect(found.some((value) => value === 0) && found.some((value) => value > 0 && value < 1)).toBe(true);
  });

  test('keeps 0 to 1 without other bounds', () => {
    const found = boundedMinimum(Float64Array.of(1, 0, 0, 1), Float64Array.of(-2, 3), [0.5, 0.5]);
    expect([...found]).toEqual([0, 1]);
  });
});

describe('BoundedLeastSquares', () => {
  test('finds what minimises the sum of residual and priors', () => {
    const rows = [1, 2, 3, 4, 5].map((seed) => randomNumbers(90, seed));
    const [free, count, scale, priorMeans] = [3, 2, 4, [0.25, 0.1]];
    const truth = [0.7, -1.2, 2, 0.4, -0.5];
    const residual = rows[0].map((_, i) => rows.reduce((sum, row, k) => sum + truth[k] * row[i], 0));
    const products = (vector: Float32Array): Float64Array =>
      Float64Array.from(rows, (row) => row.reduce((sum, value, i) => sum + value * vector[i], 0));
    const gram = Float64Array.from(rows.flatMap((row) => [...products(row)]));
    const solver = new BoundedLeastSquares({ products, gram, free, count, priorMeans, scale });
    const found = solver.solve(residual, [0, 0], { low: [0, 0], high: [1, 1] });
    expect(found.free).toHaveLength(2);
    expect(found.bounded[1]).toBe(0); // the true one is under the bound
    // the slope of the sum is 0 in each direction that is not held; the third free one takes its best value
    const third = bestThird(rows, residual, [...found.free], [...found.bounded]);
    const all = [...found.free, third, ...found.bounded];
    const rest = residual.map((value, i) => value - rows.reduce((sum, row, k) => sum + all[k] * row[i], 0));
    const slopes = rows.map((row) => -scale * row.reduce((sum, value, i) => sum + value * rest[i], 0));
    expect(slopes[0] + all[0]).toBeCloseTo(0, 2);
    expect(slopes[1] + all[1]).toBeCloseTo(0, 2);
    expect(slopes[3] + 1 / priorMeans[0]).toBeCloseTo(0, 0);
    expect(slopes[4] + 1 / priorMeans[1]).toBeGreaterThan(0);
    // the bounded ones alone, from products with what the free rows leave of the bounded ones
    const withRows = products(residual);
    const left = withRows.slice(free).map((value, column) => {
      for (let k = 0; k < free; k++) value -= solver.cross[2 * k + column] * withRows[k];
      return value;
    });
    expect(largestDifference(solver.boundedOnes(left), found.bounded)).toBeLessThan(1e-6);
  });
});

/** The third weight that leaves least of a residual, when the others are given. */
function bestThird(rows: Float32Array[], residual: Float32Array, free: number[], bounded: number[]): number {
  const others = [free[0], free[1], 0, ...bounded];
  const rest = residual.map((value, i) => value - rows.reduce((sum, row, k) => sum + others[k] * row[i], 0));
  const row = rows[2];
  return row.reduce((sum, value, i) => sum + value * rest[i], 0) / row.reduce((sum, value) => sum + value * value, 0);
}
