import { describe, expect, test } from 'vitest';
import { ArrayFile, type ArrayKinds } from '../../src/common/arrays';
import { rotationDistance } from '../../src/geometry/camera';
import {
  badlyFound,
  ShapeFitter,
  unsupported,
  type Coefficients,
  type Quality,
} from '../../src/reconstruction/expressions';
import type { Look } from '../../src/reconstruction/closer-look';
import { FaceError } from '../../src/types';
import { faceLayout, largestDifference, readPackageFile, readVectors, tell } from '../read-vectors';
import { lookNames } from './looks';

const file = readPackageFile('fit.bin');
const fitter = ShapeFitter.from(file, faceLayout());
const MADE = 8;

type Weights = Record<string, number>;

/**
 * How near coefficients have to be to Python's, which has exact modes: in weights of expressions, deviations of identity
 * modes, degrees, per cent of the scale, pixels and millimetres.
 */
const NEAR = { expression: 0.01, identity: 0.05, rotation: 0.1, scale: 0.1, translation: 0.1, error: 0.01 };
/** The same where Python has the rounded modes of `fit.bin`. */
const EXACT = { expression: 1e-4, identity: 2e-4, rotation: 1e-3, scale: 1e-3, translation: 1e-3, error: 1e-4 };

function expectCoefficients(found: Coefficients, vectors: ArrayFile, what: string, k: number, near = NEAR): void {
  const camera = vectors.float64(`${what} camera ${k}`);
  const { rotation, scale, translation } = found.camera;
  const differences = {
    expression: largestDifference(found.expression, vectors.float32(`${what} expression ${k}`)),
    identity: largestDifference(found.identity, vectors.float32(`${what} identity ${k}`)),
    rotation: rotationDistance(rotation, camera.subarray(0, 9)),
    scale: 100 * Math.abs(scale / camera[9] - 1),
    translation: largestDifference(translation, camera.subarray(10)),
    error: Math.abs(found.error - vectors.float64(`${what} error ${k}`)[0]),
  };
  for (const part of Object.keys(differences) as (keyof typeof differences)[]) {
    tell(`${what}: ${part}`, differences[part]);
    expect(differences[part], `${what}: ${part}`).toBeLessThan(near[part]);
  }
}

interface Maps {
  /** Known weights for the first map, and for the next frame's. */
  seen: Weights;
  nextSeen: Weights;
  /** Number of the face in its file. */
  k?: number;
}

/** The four fits to a map and to that of the next frame. */
function expectFits(vectors: ArrayFile, { seen, nextSeen, k = 0 }: Maps, which = '', near = NEAR): void {
  const map = vectors.float32(`map ${k}`);
  const next = vectors.float32(`next map ${k}`);
  const alone = fitter.fit(map);
  const beside = fitter.fit(map, seen);
  const following = fitter.fitExpression(next, beside, nextSeen);
  expectCoefficients(alone, vectors, `${which}fit`, k, near);
  expectCoefficients(beside, vectors, `${which}fit seen`, k, near);
  expectCoefficients(fitter.fitExpression(next, alone), vectors, `${which}next`, k, near);
  expectCoefficients(following, vectors, `${which}next seen`, k, near);
  expect(following.identity).toBe(beside.identity);
  expect(following.seen).toEqual(new Set(Object.keys(nextSeen)));
}

describe('ShapeFitter', () => {
  test.each(lookNames())('fits the face %s as Python does', (name) => {
    const vectors = readVectors(`look_${name}.bin`);
    const [seen, nextSeen] = [vectors.meta.seen as Weights, vectors.meta['next seen'] as Weights];
    expectFits(vectors, { seen, nextSeen });
    const names = vectors.meta.unsupported as Record<string, string[]>;
    const map = vectors.float32('map 0');
    expect(unsupported(fitter, fitter.fit(map))).toEqual(names.fit);
    expect(unsupported(fitter, fitter.fit(map, seen))).toEqual(names['fit seen']);
  });

  test.each(Array.from({ length: MADE }, (_, k) => k))('fits face %d of the model as Python does', (k) => {
    const vectors = readVectors('look_made.bin');
    const known = vectors.meta.known as Weights;
    expectFits(vectors, { seen: known, nextSeen: known, k });
    expectFits(vectors, { seen: known, nextSeen: known, k }, 'rounded ', EXACT);
  });

  test.each(lookNames())('joins a closer look at %s with a fit to the first map, as Python does', (name) => {
    const vectors = readVectors(`look_${name}.bin`);
    const look = { firstMap: vectors.float32('first map'), expressions: vectors.float64('expressions') } as Look;
    const expected = vectors.float64('joined');
    const { expressions } = fitter.join(look);
    expect(Array.from(expressions, Number.isFinite)).toEqual(Array.from(expected, Number.isFinite));
    const seen = Array.from(expected.keys()).filter((k) => Number.isFinite(expected[k]));
    const near = (values: Float64Array): number => Math.max(...seen.map((k) => Math.abs(values[k] - expected[k])));
    tell('joined', near(expressions));
    expect(near(expressions)).toBeLessThan(0.15 * NEAR.expression);
    expect(near(look.expressions)).toBeGreaterThan(0.15 * NEAR.expression);
  });

  test('leaves a closer look that saw nothing as it is', () => {
    const look = { expressions: new Float64Array(43).fill(NaN) } as Look;
    expect(fitter.join(look)).toBe(look);
  });

  test('keeps weights that are known, limited to 0 to 1', () => {
    const found = fitter.fit(readVectors('look_made.bin').float32('map 0'), {
      eyeLookUpLeft: 0.7,
      eyeLookDownLeft: 1.4,
    });
    expect(found.expression[fitter.names.indexOf('eyeLookUpLeft')]).toBe(0.7);
    expect(found.expression[fitter.names.indexOf('eyeLookDownLeft')]).toBe(1);
    expect(found.seen).toEqual(new Set(['eyeLookUpLeft', 'eyeLookDownLeft']));
    expect(found.expression.every((weight) => weight >= 0 && weight <= 1)).toBe(true);
  });

  test('refuses maps of another size, and unknown expressions', () => {
    expect(() => fitter.fit(new Float32Array(3 * 64 * 64))).toThrow(RangeError);
    const map = readVectors('look_made.bin').float32('map 0');
    expect(() => fitter.fit(map, { smile: 1 })).toThrow(/no expression "smile"/);
  });

  test.each(file.names)('refuses a file without "%s", or with too little of it', (name) => {
    const values = file.array(name);
    for (const left of [null, values.subarray(0, values.length - 1)]) {
      expect(() => ShapeFitter.from(changedFile({ [name]: left }), faceLayout())).toThrow(FaceError);
    }
  });

  test.each(['names', 'quality'])('refuses a file that does not state "%s"', (name) => {
    expect(() => ShapeFitter.from(changedFile({}, { [name]: undefined }), faceLayout())).toThrow(FaceError);
  });
});

describe('unsupported', () => {
  test('names what Python names for the same measurements', () => {
    const { quality, bad } = readVectors('look_parts.bin').meta as { quality: Quality; bad: Record<string, string[]> };
    const found = badlyFound(quality);
    expect([...found.fit].sort()).toEqual(bad.fit);
    expect([...found['closer look']].sort()).toEqual(bad['closer look']);
    expect(bad.fit.length).toBeGreaterThan(5);
    expect(bad.fit.length).toBeLessThan(46);
  });

  test('judges a weight by the way in which it was found, both sides together', () => {
    const quality = {
      fit: { jawOpen: 0.9, eyeBlinkLeft: 0.3, eyeBlinkRight: 0.8, browDownLeft: 0.3, browDownRight: 0.6 },
      'closer look': { jawOpen: 0.4, eyeBlinkLeft: 0.9, eyeBlinkRight: 0.9, browDownLeft: 0.9, browDownRight: 0.9 },
    };
    const judged = ShapeFitter.from(changedFile({}, { quality }), faceLayout());
    const map = readVectors('look_made.bin').float32('map 0');
    expect(unsupported(judged, judged.fit(map))).toEqual(['browDownLeft', 'browDownRight']);
    const seen = judged.fit(map, { browDownLeft: 0.1, jawOpen: 0.2 });
    expect(unsupported(judged, seen)).toEqual(['browDownRight', 'jawOpen']);
  });
});

/** `fit.bin` with other arrays, or without some, and with other statements beside them. */
function changedFile(
  arrays: Record<string, ReturnType<ArrayFile['array']> | null>,
  meta: Record<string, unknown> = {},
): ArrayFile {
  const entries = new Map<
    string,
    { dtype: keyof ArrayKinds; shape: readonly number[]; values: ArrayKinds[keyof ArrayKinds] }
  >();
  for (const name of file.names) {
    const values = name in arrays ? arrays[name] : file.array(name);
    const dtype = file.array(name).constructor.name.replace('Array', '').toLowerCase() as keyof ArrayKinds;
    if (values) entries.set(name, { dtype, shape: [values.length], values });
  }
  return new ArrayFile(entries, { ...file.meta, ...meta });
}
