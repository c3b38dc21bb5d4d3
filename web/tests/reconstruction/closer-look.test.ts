import { describe, expect, test } from 'vitest';
import { Camera } from '../../src/geometry/camera';
import type { Picture } from '../../src/geometry/crop';
import {
  CloserLooker,
  EXTRAS_MIDDLE,
  EXTRAS_UNIT,
  FOLLOW,
  seenWeights,
  trust,
  type Look,
} from '../../src/reconstruction/closer-look';
import type { Model } from '../../src/reconstruction/lprnet';
import { REGION_EXPRESSIONS, SEEN_EXPRESSIONS } from '../../src/reconstruction/seen-expressions';
import { FaceError } from '../../src/types';
import { Regions } from '../../src/uv/regions';
import { faceLayout, largestDifference, pictureOf, readVectors, tell } from '../read-vectors';
import { lookNames } from './looks';

const SURE = 30;
const layout = faceLayout();
const regions = new Regions(layout);

/** Rx(pitch) Ry(yaw) Rz(roll) of angles in degrees, row by row. */
function rotation(pitch: number, yaw: number, roll: number): Float64Array {
  const [a, b, c] = [pitch, yaw, roll].map((angle) => (angle * Math.PI) / 180);
  const [ca, sa, cb, sb, cc, sc] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), Math.cos(c), Math.sin(c)];
  return Float64Array.of(
    ...[cb * cc, cb * sc, -sb],
    ...[sa * sb * cc - ca * sc, sa * sb * sc + ca * cc, sa * cb],
    ...[ca * sb * cc + sa * sc, ca * sb * sc - sa * cc, ca * cb],
  );
}

function posedMap(angles: readonly [number, number, number] = [0, 0, 0], scale = 1.2): Float32Array {
  return Float32Array.from(
    new Camera(rotation(...angles), scale, Float64Array.of(200, 150, 0)).project(layout.meanMap),
  );
}

const photo: Picture = { width: 400, height: 300, data: new Uint8ClampedArray(4 * 400 * 300).fill(90) };

/** A network that answers moves of a grid, extras (7), and 0.01, 0.02, ... for the expressions of a region. */
function answering(region: number, answer: (grid: Float32Array) => number[], extras: readonly number[]): Model {
  const shown = REGION_EXPRESSIONS[region].map((_, k) => (k + 1) / 100);
  const coded = extras.map((value, k) => (value - EXTRAS_MIDDLE[k]) / EXTRAS_UNIT[k]);
  return { run: ([, grid]) => Promise.resolve([Float32Array.from([...answer(grid), ...coded, ...shown])]) };
}

/** A looker whose networks all move each point by the same coordinates. */
function movingBy(move: readonly [number, number, number], extras: readonly number[]): CloserLooker {
  const answer = (grid: Float32Array): number[] => Array.from(grid, (_, i) => move[i % 3]);
  return new CloserLooker(layout, regions, answering(0, answer, extras), answering(2, answer, extras));
}

const PLAIN = [0, 0, 0.09, 0, 0, 1, SURE];

/** Flat indices of the valid texels in no region. */
function outside(): number[] {
  const inside = new Set(regions.all.flatMap((region) => [...region.texels]));
  return [...layout.mask.keys()].filter((texel) => layout.mask[texel] && !inside.has(texel));
}

function texelsOf(map: Float32Array, texels: Iterable<number>): Float32Array {
  return Float32Array.from([...texels].flatMap((texel) => [...map.subarray(3 * texel, 3 * texel + 3)]));
}

describe('a closer look with a given answer', () => {
  test.each([[[0, 0, 0]], [[10, 40, -25]], [[0, -60, 150]]] as const)(
    'moves the map of a face at %j where the answer says',
    async (angles) => {
      const first = posedMap(angles);
      const { map, look } = await movingBy([0.02, 0.01, 0.03], PLAIN).look(photo, first);
      expect([...look.confidence]).toEqual([1, 1, 1]);
      expect(look.firstMap).toBe(first);
      for (const region of regions.all) {
        const frame = region.frame(first, layout.camera(first));
        const alone = region.texels.filter((_, k) => region.window[k] === 1);
        expect(alone.length).toBeGreaterThan(200);
        const before = frame.into(texelsOf(first, alone));
        const after = frame.into(texelsOf(map, alone));
        const expected = before.map((value, i) => value + [0.02, 0.01, 0.03][i % 3]);
        expect(largestDifference(after, expected)).toBeLessThan(1e-5);
      }
    },
  );

  test.each([[[0, 0, 0]], [[10, 40, -25]]] as const)(
    'lets the rest of a face at %j follow a share of what the regions do together',
    async (angles) => {
      const first = posedMap(angles);
      const [cosine, sine] = [1.03 * Math.cos((4 * Math.PI) / 180), 1.03 * Math.sin((4 * Math.PI) / 180)];
      const together = (points: ArrayLike<number>): Float64Array =>
        Float64Array.from(points, (value, i) => {
          if (i % 3 === 2) return value;
          const [x, y] = [points[i - (i % 3)] - 200, points[i - (i % 3) + 1] - 200];
          return i % 3 ? 198 - sine * x + cosine * y : 203 + cosine * x + sine * y;
        });
      const camera = layout.camera(first);
      let asked = 0; // right eye, left eye, mouth
      const turning = (kind: number): Model =>
        answering(
          kind,
          (grid) => {
            const frame = regions.all[asked++].frame(first, camera);
            const moved = frame.into(together(frame.out(grid)));
            return Array.from(moved, (value, i) => value - grid[i]);
          },
          PLAIN,
        );
      const { map } = await new CloserLooker(layout, regions, turning(0), turning(2)).look(photo, first);
      const rest = outside();
      const before = texelsOf(first, rest);
      const after = texelsOf(map, rest);
      const whole = together(before).map((value, i) => value - before[i]);
      const found = after.map((value, i) => value - before[i]);
      expect(Math.max(...whole.map(Math.abs))).toBeGreaterThan(5);
      expect(
        largestDifference(
          found,
          whole.map((value, i) => (i % 3 === 2 ? 0 : FOLLOW * value)),
        ),
      ).toBeLessThan(0.02);
    },
  );

  test('leaves the rest of the face exactly, unless all regions are seen', async () => {
    const first = posedMap();
    const answer = (grid: Float32Array): number[] => Array.from(grid, () => 0.05);
    const unsure = answering(2, answer, [0, 0, 0.09, 0, 0, 1, -SURE]);
    const { map, look } = await new CloserLooker(layout, regions, answering(0, answer, PLAIN), unsure).look(
      photo,
      first,
    );
    expect([...look.confidence]).toEqual([1, 1, 0]);
    const rest = outside();
    expect(texelsOf(map, rest)).toEqual(texelsOf(first, rest));
    expect(largestDifference(map, first)).toBeGreaterThan(1);
    expect(Object.keys(seenWeights(look))).toEqual(SEEN_EXPRESSIONS.slice(0, 13));
  });

  test('leaves the first map exactly without confidence', async () => {
    const first = posedMap([5, 20, 0]);
    const { map, look } = await movingBy([0.1, 0.1, 0.1], [0, 0, 0.09, 0, 0, 1, -SURE]).look(photo, first);
    expect(map).toEqual(first);
    expect([...look.confidence]).toEqual([0, 0, 0]);
    expect(seenWeights(look)).toEqual({});
  });

  test('leaves a face that is too small', async () => {
    const first = posedMap([0, 0, 0], 0.18); // 19 pixels for the mouth, 12 for an eye
    const { map, look } = await movingBy([0.1, 0.1, 0.1], PLAIN).look(photo, first);
    expect(map).toEqual(first);
    expect([...look.confidence]).toEqual([0, 0, 0]);
  });

  test('has the expressions of the regions', async () => {
    const { look } = await movingBy([0, 0, 0], PLAIN).look(photo, posedMap());
    const weights = seenWeights(look);
    expect(Object.keys(weights)).toEqual([...SEEN_EXPRESSIONS]);
    for (const names of REGION_EXPRESSIONS) {
      names.forEach((name, k) => expect(weights[name]).toBeCloseTo((k + 1) / 100, 6));
    }
  });

  test.each([0, 30, -90])("has gaze and irises in the photo's frame at a roll of %d degrees", async (roll) => {
    const first = posedMap([0, 0, roll]);
    const { look } = await movingBy([0, 0, 0], [0.1, 0.05, 0.08, 0.6, 0, 0.8, SURE]).look(photo, first);
    // each crop shows the person's own outer side at the same side: 0.6 to its right is inward for both eyes
    const r = rotation(0, 0, roll);
    const gaze = [0.6, -0.6].flatMap((x) => [0, 3, 6].map((row) => r[row] * x + r[row + 2] * 0.8));
    expect(largestDifference(look.gaze, gaze)).toBeLessThan(1e-5);
    const side = 1.2 * regions.all[0].side;
    const landmarks = layout.landmarks(first);
    const eyesAndBrows = [
      [17, 18, 19, 20, 21, 36, 37, 38, 39, 40, 41],
      [22, 23, 24, 25, 26, 42, 43, 44, 45, 46, 47],
    ];
    eyesAndBrows.forEach((points, eye) => {
      const centre = [0, 1].map(
        (axis) => points.reduce((sum, point) => sum + landmarks[3 * point + axis], 0) / points.length,
      );
      const [u, v] = [eye ? -0.1 : 0.1, 0.05];
      const expected = [centre[0] + side * (r[0] * u - r[1] * v), centre[1] - side * (r[3] * u - r[4] * v)];
      expect(largestDifference(look.irises.subarray(3 * eye, 3 * eye + 2), expected)).toBeLessThan(0.05);
      expect(look.irises[3 * eye + 2]).toBeCloseTo(0.08 * side, 2);
    });
  });

  test('refuses the answer of another version', async () => {
    const other: Model = { run: () => Promise.resolve([new Float32Array(100)]) };
    const error = await new CloserLooker(layout, regions, other, other).look(photo, posedMap()).catch((e) => e);
    expect(error).toBeInstanceOf(FaceError);
    expect(error).toMatchObject({ code: 'damaged', message: expect.stringContaining('100 values for the right eye') });
  });

  test('is trusted more with a surer answer and a larger face', () => {
    expect(trust(SURE, 100)).toBe(1);
    expect([trust(-SURE, 100), trust(SURE, 19.9)]).toEqual([0, 0]);
    expect(trust(0, 100)).toBeCloseTo(0.375, 12);
    expect(trust(SURE, 28)).toBeCloseTo(0.5, 9);
    expect(trust(0, 28)).toBeCloseTo(0.1875, 9);
  });
});

describe('a closer look at the photo', () => {
  test.each(lookNames())('%s sees what Python sees', async (name) => {
    const file = readVectors(`look_${name}.bin`);
    const asked: number[] = [];
    const recorded = (order: number[]): Model => ({
      run: ([crop, grid]) => {
        const k = order[asked.filter((other) => order.includes(other)).length];
        asked.push(k);
        const grey = crop.map((value) => 255 * value);
        const expected = file.uint8(`crop ${k}`);
        const away = largestDifference(grey, expected);
        tell(`${name}: crop ${k}, grey levels`, away);
        expect(away).toBeLessThan(1.01);
        const differing = grey.reduce((sum, value, i) => sum + (Math.abs(value - expected[i]) > 0.5 ? 1 : 0), 0);
        expect(differing / grey.length).toBeLessThan(0.02);
        const gridAway = largestDifference(grid, file.float32(`grid ${k}`));
        tell(`${name}: grid ${k}`, gridAway);
        expect(gridAway).toBeLessThan(1e-5);
        return Promise.resolve([file.float32(`answer ${k}`)]);
      },
    });
    const looker = new CloserLooker(layout, regions, recorded([0, 1]), recorded([2]));
    const { map, look } = await looker.look(pictureOf(file), file.float32('first map'));
    expect(asked).toEqual([0, 1, 2]);
    expectLook(name, look, file.float64('confidence'), file.float64('irises'), file.float64('gaze'));
    const mapAway = largestDifference(map, file.float32('moved map'));
    tell(`${name}: moved map, px`, mapAway);
    expect(mapAway).toBeLessThan(0.01);
    const expected = file.meta.weights as Record<string, number>;
    const weights = seenWeights(look);
    expect(Object.keys(weights)).toEqual(Object.keys(expected));
    for (const [key, weight] of Object.entries(expected)) expect(weights[key], key).toBeCloseTo(weight, 6);
  });

  test('are at least six, of which some are turned, partly seen, or small', () => {
    const files = lookNames().map((name) => readVectors(`look_${name}.bin`));
    expect(files.length).toBeGreaterThanOrEqual(6);
    expect(files.filter((file) => Math.abs(file.meta.yaw as number) > 40).length).toBeGreaterThanOrEqual(2);
    const confidences = files.flatMap((file) => [...file.float64('confidence')]);
    expect(confidences.some((value) => value === 0)).toBe(true);
    expect(confidences.some((value) => value > 0.02 && value < 0.98)).toBe(true);
  });
});

function expectLook(
  name: string,
  look: Look,
  confidence: Float64Array,
  irises: Float64Array,
  gaze: Float64Array,
): void {
  const differences = [
    ['confidence', largestDifference(look.confidence, confidence), 1e-4],
    ['irises, px', largestDifference(look.irises, irises), 1e-3],
    ['gaze', largestDifference(look.gaze, gaze), 1e-5],
  ] as const;
  for (const [what, difference, tolerance] of differences) {
    tell(`${name}: ${what}`, difference);
    expect(difference, what).toBeLessThan(tolerance);
  }
}
