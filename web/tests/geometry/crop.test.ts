import { describe, expect, test } from 'vitest';
import {
  cropMatrix,
  invertSimilarity,
  roundHalfEven,
  transformPoints,
  viewMatrix,
  viewParameters,
  warpImage,
  type Box,
  type Picture,
} from '../../src/geometry/crop';
import { FaceError } from '../../src/types';
import { largestDifference, pictureOf, readVectors, tell } from '../read-vectors';

const vectors = readVectors('geometry.bin');
const warps = readVectors('warps.bin');

describe('matrices', () => {
  test('are those of Python', () => {
    const view = viewMatrix([301.5, 222.25], 260.5, 96, -37);
    expect(largestDifference(view, vectors.float64('view'))).toBeLessThan(1e-10);
    const { centre, side, angle } = viewParameters(view, 96);
    expect(largestDifference([...centre, side, angle], vectors.float64('view parameters'))).toBeLessThan(1e-9);
    const box = [...vectors.float64('crop box')] as Box;
    expect(largestDifference(cropMatrix(box, 128, 23), vectors.float64('crop'))).toBeLessThan(1e-10);
    expect(largestDifference(invertSimilarity(view), vectors.float64('inverse'))).toBeLessThan(1e-10);
  });

  test('move points, and keep the kind of array', () => {
    const view = vectors.float64('view');
    const points = vectors.float64('points');
    expect(largestDifference(transformPoints(view, points, 3), vectors.float64('moved points'))).toBeLessThan(1e-9);
    const flat = points.filter((_, k) => k % 3 < 2);
    expect(largestDifference(transformPoints(view, flat, 2), vectors.float64('moved flat points'))).toBeLessThan(1e-9);
    const single = transformPoints(view, Float32Array.from(points), 3);
    expect(single).toBeInstanceOf(Float32Array);
    expect(largestDifference(single, vectors.float64('moved points'))).toBeLessThan(1e-3);
  });

  test('refuse bad boxes and angles', () => {
    expect(() => cropMatrix([10, 10, 10, 20])).toThrow(/x0 < x1/);
    expect(() => cropMatrix([10, NaN, 30, 20])).toThrow(RangeError);
    expect(() => cropMatrix([10, 10, 30, 20], 128, Infinity)).toThrow(/finite number of degrees/);
  });

  test('halves are rounded to even numbers', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(roundHalfEven)).toEqual([0, 2, 2, 0, -2, 2, 3]);
  });
});

describe('a square cut out of a photo', () => {
  const picture = pictureOf(warps);
  const cases = (warps.meta.cases as string[]).map((name, k) => [name, k] as const);
  test.each(cases)('%s', (name, k) => {
    const expected = warps.uint8(`square ${k}`);
    const size = warps.shape(`square ${k}`)[0];
    const found = warpImage(picture, warps.float64(`matrix ${k}`), size);
    expect(found).toHaveLength(expected.length);
    const different = found.filter((value, i) => value !== expected[i]).length / found.length;
    tell(`warp, ${name}: share of values that differ`, different);
    // to the next grey level, where a half is rounded
    expect(largestDifference(found, expected)).toBeLessThanOrEqual(1);
    expect(different).toBeLessThan(0.01);
  });

  test('does not depend on where the bytes begin, or on alpha', () => {
    const matrix = warps.float64('matrix 2');
    const shifted = new Uint8Array(picture.data.length + 1).subarray(1);
    shifted.set(picture.data);
    for (let i = 3; i < shifted.length; i += 4) shifted[i] = i % 256;
    const moved: Picture = { ...picture, data: shifted };
    expect(largestDifference(warpImage(moved, matrix, 128), warpImage(picture, matrix, 128))).toBe(0);
  });

  test('keeps a plain colour, however far it shrinks', () => {
    const plain: Picture = { width: 3000, height: 40, data: new Uint8ClampedArray(4 * 3000 * 40).fill(255) };
    for (const side of [10, 100, 1000, 3000, 30000, 3e6]) {
      expect(warpImage(plain, viewMatrix([1500, 20], side, 16), 16).every((value) => value === 255)).toBe(true);
    }
  });

  test('of one pixel has its colour everywhere', () => {
    const pixel: Picture = { width: 1, height: 1, data: Uint8Array.of(10, 20, 30, 0) };
    const square = warpImage(pixel, viewMatrix([0, 0], 5, 4), 4);
    expect([...square.subarray(0, 6)]).toEqual([10, 20, 30, 10, 20, 30]);
  });

  test('needs pixels and a similarity', () => {
    const empty: Picture = { width: 0, height: 0, data: new Uint8ClampedArray(0) };
    const short: Picture = { width: 4, height: 4, data: new Uint8ClampedArray(63) };
    for (const bad of [empty, short]) {
      expect(() => warpImage(bad, viewMatrix([0, 0], 5, 4), 4)).toThrow(FaceError);
    }
    expect(() => warpImage(picture, Float64Array.of(0, 0, 1, 0, 0, 1), 4)).toThrow(/no similarity/);
    expect(() => warpImage(picture, Float64Array.of(1, 0, NaN, 0, 1, 1), 4)).toThrow(/no similarity/);
  });
});
