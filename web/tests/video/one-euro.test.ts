import { describe, expect, test } from 'vitest';
import { OneEuro, type OneEuroOptions } from '../../src/video/one-euro';
import { largestDifference, readVectors, tell } from '../read-vectors';

const file = readVectors('video_filters.bin');

interface Case {
  name: string;
  options: { min_cutoff?: number; beta?: number; d_cutoff?: number };
  unit: number;
}

const cases = (file.meta.cases as Case[]).map((given, k) => ({ ...given, k }));

function optionsOf({ min_cutoff: minCutoff, beta, d_cutoff: dCutoff }: Case['options']): OneEuroOptions {
  return { minCutoff, beta, dCutoff };
}

describe('the One-Euro filter', () => {
  test.each(cases)('smooths $name as Python does', ({ name, options, unit, k }) => {
    const [frames, , channels = 1] = file.shape(`values ${k}`);
    const [values, dt, expected] = [`values ${k}`, `dt ${k}`, `smooth ${k}`].map((key) => file.float64(key));
    const length = values.length / frames;
    const filter = new OneEuro(optionsOf(options));
    let away = 0;
    for (let frame = 0; frame < frames; frame++) {
      const part = (all: Float64Array): Float64Array => all.subarray(frame * length, (frame + 1) * length);
      const found = filter.smooth(part(values), channels as 1 | 2 | 3, dt[frame], unit);
      away = Math.max(away, largestDifference(found, part(expected)));
    }
    tell(`One-Euro, ${name}`, away);
    expect(away).toBeLessThan(1e-9);
  });

  test('has cases in one, two and three dimensions, some of which move far', () => {
    expect(cases.map(({ k }) => file.shape(`values ${k}`)[2] ?? 1)).toEqual([3, 3, 3, 3, 2, 1, 1]);
    const differences = cases.map(({ k }) =>
      largestDifference(file.float64(`values ${k}`), file.float64(`smooth ${k}`)),
    );
    expect(Math.min(...differences)).toBeGreaterThan(0.2); // it does something
  });

  test('gives the first values unchanged, also after a reset, and keeps no hold of what it gave', () => {
    const filter = new OneEuro();
    const first = [0, 1, 2, 3, 4, 5];
    const out = filter.smooth(first, 3, 1 / 30);
    expect([...out]).toEqual(first);
    out.fill(-1);
    expect([...filter.smooth(first, 3, 1 / 30)]).toEqual(first);
    filter.smooth([9, 9, 9, 9, 9, 9], 3, 1 / 30);
    filter.reset();
    expect([...filter.smooth(first, 3, 1 / 30)]).toEqual(first);
    filter.reset();
    expect([...filter.smooth([0, 0], 1, 1 / 30)]).toEqual([0, 0]);
    const [moved, still] = filter.smooth([1, 0], 1, 1 / 30);
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(1);
    expect(still).toBe(0);
  });

  test.each([
    [[1, 2, 3], 3, 0.1, 1, '3 values'],
    [[1, 2, 3, 4, 5, 6], 2, 0.1, 1, 'dimension 2'],
    [[1, 2, 3, 4, 5, NaN], 3, 0.1, 1, 'finite'],
    [[1, 2, 3, 4, 5, 6], 3, 0, 1, 'finite'],
    [[1, 2, 3, 4, 5, 6], 3, Infinity, 1, 'finite'],
    [[1, 2, 3, 4, 5, 6], 3, 0.1, 0, 'finite'],
  ] as const)('refuses %j in %d dimensions, dt %d, unit %d', (values, dimension, dt, unit, reason) => {
    const filter = new OneEuro();
    filter.smooth([0, 0, 0, 0, 0, 0], 3, 1 / 30);
    expect(() => filter.smooth(values, dimension, dt, unit)).toThrow(reason);
  });

  test('refuses bad cutoffs', () => {
    for (const options of [{ minCutoff: 0 }, { dCutoff: -1 }, { beta: -0.1 }, { minCutoff: NaN }]) {
      expect(() => new OneEuro(options)).toThrow(RangeError);
    }
  });
});
