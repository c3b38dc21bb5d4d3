import { describe, expect, test } from 'vitest';
import { halvesOf, SymmetricModes, type Mode } from '../../src/reconstruction/symmetric-modes';
import { largestDifference } from '../read-vectors';
import { randomNumbers } from './random';

const SIZE = 44;
const texels = Int32Array.from({ length: SIZE * SIZE }, (_, texel) => texel);
const halves = halvesOf(texels, SIZE);
const count = halves.left.length;

const [one, two, three, four] = [1, 2, 3, 4].map((seed) => randomNumbers(3 * count, seed));
const modes: Mode[] = [
  { even: one, odd: null },
  { even: null, odd: two },
  { even: three, odd: four },
  { even: three, odd: four, isMirrored: true },
];
const symmetric = new SymmetricModes(modes, halves);

/** The whole modes, n x 3. */
const whole = modes.map(({ even, odd, isMirrored }) => {
  const out = new Float32Array(3 * texels.length);
  for (let k = 0; k < count; k++) {
    for (let axis = 0; axis < 3; axis++) {
      const e = even?.[3 * k + axis] ?? 0;
      const o = (isMirrored ? -1 : 1) * (odd?.[3 * k + axis] ?? 0);
      out[3 * halves.left[k] + axis] = e + o;
      out[3 * halves.right[k] + axis] = (axis ? 1 : -1) * (e - o);
    }
  }
  return out;
});

const product = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

describe('symmetric modes', () => {
  test('pair each texel with its mirror image', () => {
    expect(2 * count).toBe(texels.length);
    expect(new Set([...halves.left, ...halves.right]).size).toBe(texels.length);
    halves.left.forEach((left, k) => {
      const [a, b] = [texels[left], texels[halves.right[k]]];
      expect((a % SIZE) + (b % SIZE)).toBe(SIZE - 1);
      expect(Math.floor(a / SIZE)).toBe(Math.floor(b / SIZE));
    });
  });

  test('have the products of the whole modes', () => {
    const movement = randomNumbers(3 * texels.length, 9);
    const expected = whole.map((mode) => product(mode, movement));
    expect(largestDifference(symmetric.products(movement), expected)).toBeLessThan(1e-3);
    expect(largestDifference(symmetric.products(movement, 2), expected.slice(2))).toBeLessThan(1e-3);
    const gram = whole.flatMap((a) => whole.map((b) => product(a, b)));
    expect(Math.max(...gram)).toBeGreaterThan(100);
    expect(largestDifference(symmetric.gram(), gram)).toBeLessThan(1e-2);
  });

  test('can be made less by a sum of those before them', () => {
    const movement = randomNumbers(3 * texels.length, 9);
    const [p, q, left, right] = symmetric.products(movement);
    const rest = symmetric.less(Float64Array.of(0.3, 0.3, 0.7, -0.7), 2);
    const expected = [left - 0.3 * p - 0.7 * q, right - 0.3 * p + 0.7 * q];
    expect(rest.length).toBe(2);
    expect(largestDifference(rest.products(movement), expected)).toBeLessThan(1e-3);
    expect(largestDifference(expected, [left, right])).toBeGreaterThan(0.1);
  });

  test('move a shape as the whole modes do', () => {
    const shape = randomNumbers(3 * texels.length, 8);
    const weights = [0.5, -2, 0.25, 1.5];
    const expected = shape.map((value, i) => value + weights.reduce((sum, weight, k) => sum + weight * whole[k][i], 0));
    expect(largestDifference(symmetric.move(shape, weights), expected)).toBeLessThan(1e-5);
    const last = shape.map((value, i) => value + weights[2] * whole[2][i] + weights[3] * whole[3][i]);
    expect(largestDifference(symmetric.move(shape, weights.slice(2), 2), last)).toBeLessThan(1e-5);
    expect(symmetric.move(shape, [0, 0])).toEqual(shape);
  });

  test('of one side are the mirror image of the other side', () => {
    const [left, right] = whole.slice(2);
    halves.left.forEach((place, k) => {
      const mirror = 3 * halves.right[k];
      expect(right[mirror]).toBe(-left[3 * place]);
      expect(right[mirror + 1]).toBe(left[3 * place + 1]);
    });
  });
});
