import { describe, expect, test, vi } from 'vitest';
import { rotationDistance } from '../../src/geometry/camera';
import { viewMatrix, viewParameters } from '../../src/geometry/crop';
import type { Look } from '../../src/reconstruction/closer-look';
import { ShapeFitter, type Coefficients } from '../../src/reconstruction/expressions';
import { nextCrop, Tracker, type TrackedFace } from '../../src/video/tracking';
import type { TrackList } from '../../src/video/tracks';
import { faceLayout, largestDifference, readPackageFile, readVectors, tell } from '../read-vectors';
import { expectAllAsked, readRun, type Run } from './recorded-run';

const layout = faceLayout();
const fitter = ShapeFitter.from(readPackageFile('fit.bin'), layout);
const PIXELS = 0.05;
vi.setConfig({ testTimeout: 60_000 }); // on a machine that has other work too

/** The largest differences over a video, by name, each with its tolerance. */
class Differences {
  private readonly largest = new Map<string, number>();

  add(name: string, difference: number, tolerance: number, where: string): void {
    this.largest.set(name, Math.max(this.largest.get(name) ?? 0, difference));
    expect(difference, `${name}, face ${where}`).toBeLessThan(tolerance);
  }

  tell(run: string): void {
    for (const [name, difference] of this.largest) tell(`${run}: ${name}`, difference);
  }
}

/** Every so many texels of a map. */
function thinned(map: Float32Array, step: number): Float32Array {
  return map.filter((_, i) => Math.floor(i / 3) % step === 0);
}

/** A face has the place that Python found. */
function expectPlace(face: TrackedFace, run: Run, key: string, found: Differences): void {
  const { file } = run;
  const step = file.meta.pointStep as number;
  found.add('map, px', largestDifference(thinned(face.map, step), file.float32(`points ${key}`)), PIXELS, key);
  found.add(
    'raw map, px',
    largestDifference(thinned(face.rawMap, step), file.float32(`raw points ${key}`)),
    PIXELS,
    key,
  );
  const landmarks = layout.landmarks(face.map);
  found.add('landmarks, px', largestDifference(landmarks, file.float32(`landmarks ${key}`)), PIXELS, key);
  const raw = layout.landmarks(face.rawMap);
  found.add('raw landmarks, px', largestDifference(raw, file.float32(`raw landmarks ${key}`)), PIXELS, key);
  if (file.has(`map ${key}`)) {
    const expected = file.float32(`map ${key}`);
    found.add('whole map, px', largestDifference(face.map, expected), PIXELS, key);
    const [here, there] = [layout.camera(face.map, 1), layout.camera(expected, 1)];
    found.add('pose, degrees', rotationDistance(here.rotation, there.rotation), 0.05, key);
  }
}

/** A closer look saw what Python's saw. */
function expectLook(look: Look, run: Run, key: string, found: Differences): void {
  const { file } = run;
  found.add('confidence of looks', largestDifference(look.confidence, file.float64(`confidence ${key}`)), 1e-3, key);
  found.add('irises, px', largestDifference(look.irises, file.float64(`irises ${key}`)), PIXELS, key);
  found.add('gaze', largestDifference(look.gaze, file.float64(`gaze ${key}`)), 1e-3, key);
  const expected = file.float64(`expressions ${key}`);
  expect(Array.from(look.expressions, Number.isNaN)).toEqual(Array.from(expected, Number.isNaN));
  const known = (values: Float64Array): Float64Array => values.filter((value) => !Number.isNaN(value));
  found.add('seen expressions', largestDifference(known(look.expressions), known(expected)), 1e-3, key);
}

/** The fit found what Python's found. */
function expectCoefficients(known: Coefficients, run: Run, key: string, found: Differences): void {
  const { file } = run;
  found.add('expression', largestDifference(known.expression, file.float32(`expression ${key}`)), 0.01, key);
  found.add('identity, deviations', largestDifference(known.identity, file.float32(`identity ${key}`)), 0.05, key);
  const camera = file.float64(`camera ${key}`);
  const { rotation, scale, translation } = known.camera;
  found.add('rotation of the fit, degrees', rotationDistance(rotation, camera.subarray(0, 9)), 0.1, key);
  found.add('scale of the fit, %', 100 * Math.abs(scale / camera[9] - 1), 0.1, key);
  found.add('translation of the fit, px', largestDifference(translation, camera.subarray(10, 13)), 0.1, key);
  found.add('error of the fit, mm', Math.abs(known.error - camera[13]), 0.02, key);
  const names = (file.meta.names as string[]).filter((_, k) => file.uint8(`seen ${key}`)[k]);
  expect([...known.seen].sort()).toEqual([...names].sort());
}

/** Track a recorded video; all faces are as Python found them in every frame. */
async function expectRun(name: string, run: Run, tracker: Tracker): Promise<TrackedFace[][]> {
  const found = new Differences();
  const all: TrackedFace[][] = [];
  for (const [k, { picture, dt }] of run.frames.entries()) {
    const faces = await tracker.track(picture, dt);
    all.push(faces);
    const facts = run.faces[k];
    expect(
      faces.map(({ id, look }) => [id, look]),
      `frame ${k}`,
    ).toEqual(facts.map(({ id, look }) => [id, look]));
    for (const [n, face] of faces.entries()) {
      const key = `${k} ${n}`;
      found.add('confidence', Math.abs(face.confidence - facts[n].confidence), 1e-3, key);
      expectPlace(face, run, key, found);
      expect(face.seen !== null).toBe(run.file.has(`gaze ${key}`));
      expect(face.coefficients !== null).toBe(run.file.has(`expression ${key}`));
      if (face.seen) expectLook(face.seen, run, key, found);
      if (face.coefficients) expectCoefficients(face.coefficients, run, key, found);
    }
    const { active } = (tracker as unknown as { tracks: TrackList }).tracks;
    for (const [n, track] of active.entries()) {
      const [here, there] = [track.crop, run.file.float64(`next crop ${k} ${n}`)].map((m) => viewParameters(m, 128));
      found.add('next crop: centre, px', largestDifference(here.centre, there.centre), PIXELS, key(k, n));
      found.add('next crop: side, px', Math.abs(here.side - there.side), PIXELS, key(k, n));
      found.add('next crop: angle, degrees', Math.abs(here.angle - there.angle), 0.05, key(k, n));
    }
  }
  found.tell(name);
  return all;
}

function key(frame: number, face: number): string {
  return `${frame} ${face}`;
}

describe('a video', () => {
  test('with cuts, and a face that vanishes and returns, is tracked as by Python', async () => {
    const run = readRun('run');
    const tracker = new Tracker(run.net, run.looker, fitter);
    const all = await expectRun('run', run, tracker);
    expectAllAsked(run);
    const seen = all.map((faces) => faces.map(({ id, look }) => [id, look]));
    expect(seen.filter((faces) => faces.length === 0).length).toBeGreaterThan(1);
    // another person, the same one who returns, and somebody alike
    expect(new Set(seen.flat().map(String))).toEqual(new Set(['0,0', '1,0', '1,1']));
    const identities = all.map(([face]) => face?.coefficients?.identity);
    expect(identities[7]).toBe(identities[6]); // constant after half a second
    expect(identities[1]).not.toEqual(identities[0]); // averaged until then
  });

  test('of two people is tracked as by Python, without smoothing and closer look', async () => {
    const run = readRun('pair');
    await expectRun('pair', run, new Tracker(run.net, null, fitter, { smooth: false, searchInterval: 0.05 }));
    expectAllAsked(run);
  });

  test('begins anew after a reset', async () => {
    const run = readRun('pair', 'any order');
    const tracker = new Tracker(run.net, null, fitter, { smooth: false, searchInterval: 0.05 });
    await expectRun('pair', run, tracker);
    tracker.reset();
    await expectRun('pair', run, tracker);
  });

  test('is tracked for its largest face alone', async () => {
    const run = readRun('pair', 'any order');
    const tracker = new Tracker(run.net, null, null, { smooth: false, maxFaces: 1, searchInterval: 0.05 });
    for (const [k, { picture, dt }] of run.frames.entries()) {
      const faces = await tracker.track(picture, dt);
      expect(faces.map(({ id }) => id)).toEqual([0]);
      const away = largestDifference(layout.landmarks(faces[0].map), run.file.float32(`landmarks ${k} 0`));
      expect(away).toBeLessThan(PIXELS);
    }
  });
});

describe('the next crop', () => {
  const last = viewMatrix([100, 80], 200, 128, 10);

  test('stays where a face hardly moves', () => {
    const near = viewMatrix([102, 82], 203, 128, 12);
    expect(largestDifference(nextCrop(last, near, 128), last)).toBeLessThan(1e-9);
  });

  test('follows by what exceeds the slack', () => {
    const found = viewParameters(nextCrop(last, viewMatrix([130, 120], 300, 128, -5), 128), 128);
    const share = (50 - 4) / 50;
    expect(largestDifference(found.centre, [100 + 30 * share, 80 + 40 * share])).toBeLessThan(1e-9);
    expect(found.side).toBeCloseTo(300 * Math.exp(-0.02), 9);
    expect(found.angle).toBeCloseTo(-5 + (0.04 * 180) / Math.PI, 9);
  });

  test('turns the short way', () => {
    const old = viewMatrix([100, 80], 200, 128, 170);
    const found = viewParameters(nextCrop(old, viewMatrix([100, 80], 200, 128, -170), 128), 128);
    expect(found.angle).toBeCloseTo(-170 - (0.04 * 180) / Math.PI, 9);
  });
});

test('what Python recorded has uneven time steps', () => {
  const dt = readVectors('video_run.bin').float64('dt');
  expect(Math.max(...dt) / Math.min(...dt)).toBeGreaterThan(1.5);
});
