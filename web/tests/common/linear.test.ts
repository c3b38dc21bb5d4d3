import { describe, expect, test } from 'vitest';
import {
  determinant3,
  dot,
  invert,
  matVec,
  mean,
  multiply,
  solve,
  sparseTimes,
  svd3,
  transpose,
} from '../../src/common/linear';
import { largestDifference } from '../read-vectors';

/** Numbers between -1 and 1 that are the same in every run. */
function numbers(count: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const identity3 = [1, 0, 0, 0, 1, 0, 0, 0, 1];

describe('dense algebra', () => {
  test('products', () => {
    const a = [1, 2, 3, 4, 5, 6];
    expect([...multiply(a, [1, 0, 2, 1, 0, 3], 2, 3, 2)]).toEqual([5, 11, 14, 23]);
    expect([...matVec(a, [1, -1, 2], 2, 3)]).toEqual([5, 11]);
    expect([...transpose(a, 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(dot([1, 2, 3], [4, 5, 6])).toBe(32);
    expect(mean([1, 2, 6])).toBe(3);
  });

  test('solves equations, also where a pivot is 0', () => {
    for (const n of [1, 2, 5, 51]) {
      const matrix = numbers(n * n, n);
      if (n > 1) matrix[0] = 0;
      const x = numbers(3 * n, 7);
      const right = multiply(matrix, x, n, n, 3);
      expect(largestDifference(solve(matrix, right, n, 3), x)).toBeLessThan(1e-9);
      const product = multiply(matrix, invert(matrix, n), n, n, n);
      expect(product.every((value, i) => Math.abs(value - (i % (n + 1) === 0 ? 1 : 0)) < 1e-9)).toBe(true);
    }
  });

  test('refuses what has no solution', () => {
    expect(() => solve([1, 2, 2, 4], [1, 1], 2)).toThrow(RangeError);
    expect(() => solve([1, NaN, 2, 4], [1, 1], 2)).toThrow(RangeError);
    expect(() => solve([1, 2, 3], [1, 1], 2)).toThrow(/no system of 2 equations/);
  });

  test('sparse products', () => {
    const matrix = {
      starts: Int32Array.of(0, 2, 2, 3),
      columns: Int32Array.of(0, 2, 1),
      values: Float32Array.of(0.5, 2, -1),
    };
    expect([...sparseTimes(matrix, [1, 10, 2, 20, 3, 30], 2)]).toEqual([6.5, 65, 0, 0, -2, -20]);
  });
});

describe('singular values', () => {
  const cases: [string, ArrayLike<number>][] = [
    ['any matrix', numbers(9, 3)],
    ['a reflection', [1, 0, 0, 0, 1, 0, 0, 0, -1]],
    ['rank two', [1, 2, 3, 2, 4, 6, 1, 0, 1]],
    ['rank one', [1, 2, 3, 2, 4, 6, 3, 6, 9]],
    ['zero', new Float64Array(9)],
    ['very different sizes', [1e8, 0, 3, 0, 1e-6, 0, 2, 0, 1]],
  ];
  test.each(cases)('of %s', (_, matrix) => {
    const { u, values, v } = svd3(matrix);
    const diagonal = [values[0], 0, 0, 0, values[1], 0, 0, 0, values[2]];
    const product = multiply(multiply(u, diagonal, 3, 3, 3), transpose(v, 3, 3), 3, 3, 3);
    expect(largestDifference(product, matrix)).toBeLessThan(1e-12 * Math.max(1, values[0]));
    for (const basis of [u, v]) {
      expect(largestDifference(multiply(transpose(basis, 3, 3), basis, 3, 3, 3), identity3)).toBeLessThan(1e-9);
      expect(Math.abs(determinant3(basis))).toBeCloseTo(1, 9);
    }
    expect(values[0]).toBeGreaterThanOrEqual(values[1]);
    expect(values[1]).toBeGreaterThanOrEqual(values[2]);
  });
});
