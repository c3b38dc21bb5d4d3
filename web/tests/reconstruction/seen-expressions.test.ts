import { describe, expect, test } from 'vitest';
import {
  joinRegions,
  otherSide,
  REGION_EXPRESSIONS,
  SEEN_EXPRESSIONS,
} from '../../src/reconstruction/seen-expressions';
import { largestDifference, readPackageFile, readVectors } from '../read-vectors';

const vectors = readVectors('look_parts.bin');

describe('what a closer look sees', () => {
  test('are 43 expressions of the face model', () => {
    expect(SEEN_EXPRESSIONS).toHaveLength(43);
    expect(REGION_EXPRESSIONS.map((names) => names.length)).toEqual([7, 7, 30]);
    const names = readPackageFile('fit.bin').meta.names as string[];
    expect(SEEN_EXPRESSIONS.filter((name) => !names.includes(name))).toEqual([]);
  });

  test('is joined as in Python', () => {
    const found = [0, 1, 2].map((k) => vectors.float64(`found ${k}`));
    const confidence = vectors.float64('confidence');
    const expected = vectors.float64('joined');
    const count = confidence.length / 3;
    let hidden = 0;
    for (let k = 0; k < count; k++) {
      const parts = found.map((values, region) => {
        const length = REGION_EXPRESSIONS[region].length;
        return values.subarray(k * length, (k + 1) * length);
      });
      const joined = joinRegions(parts, confidence.subarray(3 * k, 3 * k + 3));
      const stated = expected.subarray(43 * k, 43 * k + 43);
      expect(joined.map(Number.isNaN as never)).toEqual(stated.map(Number.isNaN as never));
      hidden += joined.filter(Number.isNaN).length;
      const zeros = (values: Float64Array): Float64Array => values.map((value) => (Number.isNaN(value) ? 0 : value));
      expect(largestDifference(zeros(joined), zeros(stated))).toBeLessThan(1e-12);
    }
    expect(hidden).toBeGreaterThan(0);
  });

  test('of both eyes is weighted by their confidence', () => {
    const joined = joinRegions(
      [new Float32Array(7).fill(0.2), new Float32Array(7).fill(0.6), new Float32Array(30)],
      [0.3, 0.1, 0],
    );
    expect(joined[SEEN_EXPRESSIONS.indexOf('browInnerUp')]).toBeCloseTo(0.3, 6);
    expect(joined[SEEN_EXPRESSIONS.indexOf('eyeBlinkLeft')]).toBeCloseTo(0.6, 6);
    expect(joined[SEEN_EXPRESSIONS.indexOf('jawOpen')]).toBeNaN();
  });

  test('has another side, or is its own', () => {
    expect(['eyeBlinkLeft', 'mouthSmileRight', 'jawOpen'].map(otherSide)).toEqual([
      'eyeBlinkRight',
      'mouthSmileLeft',
      'jawOpen',
    ]);
  });
});
