import { describe, expect, test } from 'vitest';
import { MAX_RESTING, RestingFace, weightBeside } from '../../src/video/resting';
import { readVectors, tell } from '../read-vectors';

/** What is left of the same weights in the last of the frames. */
function watch(resting: RestingFace, weights: Record<string, number>, seconds: number): Record<string, number> {
  let found = {};
  for (let frame = 0; frame < Math.round(seconds * 30); frame++) found = resting.update(weights, 1 / 30);
  return found;
}

describe('a face at rest', () => {
  test('is learned as Python learns it', () => {
    const file = readVectors('video_resting.bin');
    const names = file.meta.names as string[];
    const [dt, seen, left, rest] = ['dt', 'seen', 'left', 'rest'].map((name) => file.float64(name));
    const resting = new RestingFace();
    let away = 0;
    dt.forEach((step, frame) => {
      const row = (values: Float64Array): Float64Array =>
        values.subarray(frame * names.length, (frame + 1) * names.length);
      const given = names.map((name, k) => [name, row(seen)[k]] as const).filter(([, weight]) => !Number.isNaN(weight));
      const found = resting.update(Object.fromEntries(given), step);
      expect(Object.keys(found)).toEqual(given.map(([name]) => name));
      for (const [name, weight] of Object.entries(found)) {
        away = Math.max(away, Math.abs(weight - row(left)[names.indexOf(name)]));
      }
      names.forEach((name, k) => (away = Math.max(away, Math.abs((resting.weights.get(name) ?? 0) - row(rest)[k]))));
    });
    tell('weights beside the face at rest', away);
    expect(away).toBeLessThan(1e-12);
    expect(rest.slice(-5)[0]).toBe(MAX_RESTING); // a broad smile, which stays
    expect(rest.slice(-5)[3]).toBe(0); // where somebody looks
  });

  test('is a small weight that stays', () => {
    const resting = new RestingFace();
    expect(resting.update({ mouthSmileLeft: 0.2 }, 1 / 30).mouthSmileLeft).toBeCloseTo(0.2, 2);
    expect(watch(resting, { mouthSmileLeft: 0.2 }, 120).mouthSmileLeft).toBeLessThan(0.01);
    expect(resting.update({ mouthSmileLeft: 1 }, 1 / 30).mouthSmileLeft).toBeCloseTo(1, 2);
  });

  test('is no broad smile, and is forgotten when the smile ends', () => {
    const resting = new RestingFace();
    watch(resting, { mouthSmileLeft: 0.8 }, 600);
    expect(resting.weights.get('mouthSmileLeft')).toBe(MAX_RESTING);
    watch(resting, { mouthSmileLeft: 0 }, 3);
    expect(resting.weights.get('mouthSmileLeft')).toBeLessThan(0.01);
  });

  test('leaves 0 at rest, and 1 of a whole expression', () => {
    expect([weightBeside(0.2, 0.2), weightBeside(1, 0.2), weightBeside(0.1, 0.2)]).toEqual([0, 1, 0]);
    expect(weightBeside(0.6, 0.2)).toBeCloseTo(0.5, 12);
  });
});
