/** A tracker with stand-ins: when it searches, what it keeps, what it gives to the fit. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { meanDistance } from '../../src/geometry/points';
import type { CloserLooker, Look } from '../../src/reconstruction/closer-look';
import type { Detection } from '../../src/reconstruction/detection';
import type { Coefficients, ShapeFitter } from '../../src/reconstruction/expressions';
import { SEEN_EXPRESSIONS } from '../../src/reconstruction/seen-expressions';
import { openings } from '../../src/uv/openings';
import { View, ViewPoints } from '../../src/video/person';
import { RestingFace } from '../../src/video/resting';
import { Tracker, type TrackerOptions } from '../../src/video/tracking';
import { faceLayout, largestDifference } from '../read-vectors';
import { readRun, type Run } from './recorded-run';

const layout = faceLayout();

afterEach(() => vi.restoreAllMocks());
vi.setConfig({ testTimeout: 60_000 }); // on a machine that has other work too

/** A face that the detector sees somewhere. */
function detectedWith(score: number): Detection {
  return { box: [0, 0, 9, 9], score, keypoints: new Float64Array(12), angle: 0 };
}

/** A tracker of the first frame of two people, which was tracked; how often the whole frame is searched. */
async function begun(
  options: TrackerOptions,
): Promise<{ run: Run; tracker: Tracker; search: ReturnType<typeof vi.fn> }> {
  const run = readRun('pair', 'any order');
  const tracker = new Tracker(run.net, null, null, options);
  const search = vi.spyOn(run.net, 'reconstruct');
  expect(await tracker.track(run.frames[0].picture, 0.1)).toHaveLength(2);
  expect(search).toHaveBeenCalledTimes(1);
  return { run, tracker, search };
}

describe('a tracker', () => {
  test.each([
    [{}, [0.9, 0.05, 0.06, 0.95, 0.1], 2],
    [{ searchInterval: 0.2 }, [0.1, 0.1, 0.1, 0.1], 2],
    [{ searchInterval: null }, [2, 2, 2], 0],
  ] as const)('with %j searches the whole frame now and then', async (options, steps, times) => {
    const { run, tracker, search } = await begun(options);
    search.mockResolvedValue([]);
    for (const dt of steps) await tracker.track(run.frames[0].picture, dt);
    expect(search).toHaveBeenCalledTimes(1 + times);
  });

  test('drops a face that the detector does not confirm in a search after three seconds', async () => {
    const { run, tracker, search } = await begun({});
    search.mockResolvedValue([]);
    const counts: number[] = [];
    for (let k = 0; k < 8; k++) counts.push((await tracker.track(run.frames[0].picture, 0.5)).length);
    expect(counts).toEqual([2, 2, 2, 2, 2, 2, 2, 0]);
  });

  test('keeps an unlikely shape if the detector sees a face there, and loses it otherwise', async () => {
    const { run, tracker, search } = await begun({});
    search.mockResolvedValue([]);
    vi.spyOn(run.net, 'likelihood').mockReturnValue(0.1);
    const redetect = vi.spyOn(run.net.detector, 'redetect').mockResolvedValue(detectedWith(0.8));
    const faces = await tracker.track(run.frames[0].picture, 0.1);
    expect(faces.map(({ id }) => id)).toEqual([0, 1]);
    for (const { confidence } of faces) expect(confidence).toBeCloseTo(0.8, 1); // the detector's score
    expect(search).toHaveBeenCalledTimes(1);
    redetect.mockResolvedValue(null);
    expect(await tracker.track(run.frames[0].picture, 0.1)).toEqual([]);
    expect(search).toHaveBeenCalledTimes(2); // it looks for them at once
  });

  test('confirms a face that the detector sees where its shape is unlikely', async () => {
    const { run, tracker, search } = await begun({});
    search.mockResolvedValue([]);
    vi.spyOn(run.net, 'likelihood').mockReturnValue(0.1);
    vi.spyOn(run.net.detector, 'redetect').mockResolvedValue(detectedWith(0.8));
    for (let k = 0; k < 8; k++) expect(await tracker.track(run.frames[0].picture, 1.1)).toHaveLength(2);
  });

  test('believes a shape less that has changed since the last frame', async () => {
    const { run, tracker, search } = await begun({ smooth: false });
    search.mockResolvedValue([]);
    const { picture } = run.frames[0];
    const [before] = await tracker.track(picture, 0.1);
    // a narrower face
    const narrow = before.map.map((value, i) => (i % 3 ? value : 0.95 * value));
    const points = new ViewPoints(layout, 7);
    const [one, two] = [before.map, narrow].map((map) => new View(picture, new Float64Array(6), 128, map, points));
    const change = meanDistance(one.shape, two.shape);
    const agreement = 1 / (1 + Math.exp((change - 2.2) / 0.4));
    expect(agreement).toBeGreaterThan(0.52);
    expect(agreement).toBeLessThan(0.98);
    vi.spyOn(run.net, 'predictMap').mockResolvedValue(narrow);
    const likelihood = vi.spyOn(run.net, 'likelihood').mockReturnValue(0.99);
    expect((await tracker.track(picture, 0.1))[0].confidence).toBeCloseTo(0.99 * agreement, 2);
    vi.spyOn(run.net, 'predictMap').mockResolvedValue(before.map);
    likelihood.mockReturnValue(0.3);
    vi.spyOn(run.net.detector, 'redetect').mockResolvedValue(detectedWith(0.8));
    expect((await tracker.track(picture, 0.1))[0].confidence).toBeCloseTo(0.8 * agreement, 2);
  });

  test('gives a map of its own in each frame', async () => {
    const { run, tracker } = await begun({});
    const [before] = await tracker.track(run.frames[0].picture, 0.1);
    const copy = before.map.slice();
    const [after] = await tracker.track(run.frames[0].picture, 0.1);
    expect([after.map === before.map, after.map === after.rawMap]).toEqual([false, false]);
    expect(before.map).toEqual(copy);
  });

  test('refuses bad time steps and numbers of faces', async () => {
    const { net, frames } = readRun('pair', 'any order');
    const tracker = new Tracker(net, null, null);
    for (const dt of [0, -1, NaN, Infinity]) {
      await expect(tracker.track(frames[0].picture, dt)).rejects.toThrow('dt is the time since');
    }
    for (const maxFaces of [0, NaN]) expect(() => new Tracker(net, null, null, { maxFaces })).toThrow('maxFaces');
  });

  test('refuses a picture without pixels', async () => {
    const tracker = new Tracker(readRun('pair').net, null, null);
    const nothing = { width: 0, height: 0, data: new Uint8Array(0) };
    await expect(tracker.track(nothing, 0.1)).rejects.toMatchObject({ code: 'picture' });
  });
});

/** A looker that sees the same expressions and gaze in each frame; `change` makes the moved map, in place. */
function seeing(
  weight: number,
  confidence: number,
  change: (map: Float32Array) => void = () => undefined,
): CloserLooker {
  const look = (_: unknown, first: Float32Array): Promise<{ map: Float32Array; look: Look }> => {
    const map = first.slice();
    change(map);
    return Promise.resolve({
      map,
      look: {
        confidence: new Float64Array(3).fill(confidence),
        irises: Float64Array.of(100, 100, 5, 140, 100, 5),
        gaze: Float64Array.of(0, 0, 1, 0, 0, 1),
        firstMap: first,
        expressions: new Float64Array(SEEN_EXPRESSIONS.length).fill(confidence ? weight : NaN),
      },
    });
  };
  return { look } as unknown as CloserLooker;
}

/** A fitter that halves what is seen, and keeps the known weights that it is given. */
function listening(): { fitter: ShapeFitter; given: Record<string, number>[] } {
  const given: Record<string, number>[] = [];
  const coefficients = { identity: new Float64Array(2), expression: new Float64Array(1) } as Coefficients;
  const fitter = {
    join: (look: Look) => ({ ...look, expressions: look.expressions.map((weight) => weight / 2) }),
    fit: (_: Float32Array, seen: Record<string, number>) => {
      given.push(seen);
      return coefficients;
    },
    fitExpression: (_: Float32Array, known: Coefficients, seen: Record<string, number>) => {
      if (given.at(-1) !== seen) given.push(seen); // not the second step of the same frame
      return known;
    },
  };
  return { fitter: fitter as unknown as ShapeFitter, given };
}

describe('a tracker with a closer look', () => {
  const options = { maxFaces: 1, searchInterval: null, smooth: false };

  test('gives the fit what is seen beside the face at rest', async () => {
    const run = readRun('pair', 'any order');
    const { fitter, given } = listening();
    const tracker = new Tracker(run.net, seeing(0.2, 1), fitter, options);
    const resting = new RestingFace();
    for (const dt of [0.1, 2, 3, 0.2]) {
      await tracker.track(run.frames[0].picture, dt);
      expect(given.at(-1)?.jawOpen).toBeCloseTo(resting.update({ jawOpen: 0.1 }, dt).jawOpen, 12);
    }
    expect(given).toHaveLength(4);
    expect(given[3].jawOpen).toBeLessThan(0.085);
    expect(Object.keys(given[0])).toHaveLength(SEEN_EXPRESSIONS.length + 8); // with those of the gaze
  });

  test('gives no gaze of an eye that is closed, or that is not seen', async () => {
    const [right] = openings(layout);
    const close = (map: Float32Array): void => {
      right.upper.forEach((texel, k) => map.copyWithin(3 * texel, 3 * right.lower[k], 3 * right.lower[k] + 3));
    };
    const names = async (looker: CloserLooker): Promise<string[]> => {
      const run = readRun('pair', 'any order');
      const { fitter, given } = listening();
      await new Tracker(run.net, looker, fitter, options).track(run.frames[0].picture, 0.1);
      return Object.keys(given[0]).filter((name) => name.startsWith('eyeLook'));
    };
    const left = await names(seeing(0.2, 1, close));
    expect(left).toHaveLength(4);
    expect(left.every((name) => name.endsWith('Left'))).toBe(true);
    expect(await names(seeing(0.2, 0))).toEqual([]);
  });

  test('centres the depth of a map that was moved, and leaves one that was not', async () => {
    for (const confidence of [0, 0.4]) {
      const run = readRun('pair', 'any order');
      const deeper = (map: Float32Array): void => {
        for (let i = 2; i < map.length; i += 3) map[i] += 7;
      };
      const tracker = new Tracker(run.net, seeing(0, confidence, deeper), null, options);
      const [face] = await tracker.track(run.frames[0].picture, 0.1);
      const centred = face.rawMap.slice();
      layout.centreDepth(centred);
      const away = largestDifference(face.rawMap, centred);
      if (confidence) expect(away).toBeLessThan(1e-3);
      else expect(away).toBeGreaterThan(5);
      expect(largestDifference(face.map, centred)).toBeLessThan(1e-3); // in any case
    }
  });
});
