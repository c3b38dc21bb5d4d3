import { describe, expect, test } from 'vitest';
import { ArrayFile } from '../../src/common/arrays';
import { decodeMap } from '../../src/uv/encoding';
import { Layout, MEMBRANE } from '../../src/uv/layout';
import { faceLayout, largestDifference, readPackageFile, readVectors, tell } from '../read-vectors';

const vectors = readVectors('layout.bin');
const layout = faceLayout();
const map = vectors.float32('map');

/** Whether found numbers are near Python's; how near is told. */
function expectClose(what: string, found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  const difference = largestDifference(found, expected);
  tell(what, difference);
  expect(difference, what).toBeLessThan(tolerance);
}

describe('the layout of face.bin', () => {
  test('has the texels of Python', () => {
    expect(layout.size).toBe(128);
    expect(largestDifference(layout.mask, vectors.uint8('mask'))).toBe(0);
    expect(largestDifference(layout.texels, vectors.int32('texels'))).toBe(0);
    expectClose('mean face, mm', layout.meanMap, vectors.float32('mean'), 1e-4);
  });

  test('has the mesh of Python, with the membrane last', () => {
    const { triangles, membraneStart, uv, mean, size } = layout.mesh;
    expect(largestDifference(triangles, vectors.int32('triangles'))).toBe(0);
    expect(membraneStart).toBe(vectors.meta.membraneStart);
    expect(size).toBe(128);
    expectClose('texture coordinates', uv, vectors.float32('uv'), 1e-4);
    expect(mean).toHaveLength((uv.length / 2) * 3);
    const kindAt = (vertex: number): number => {
      const [u, v] = [uv[2 * vertex], uv[2 * vertex + 1]];
      return layout.kind[Math.round(v * size - 0.5) * size + Math.round(u * size - 0.5)];
    };
    const skin = triangles.subarray(0, 3 * membraneStart);
    expect(skin.every((vertex) => kindAt(vertex) !== MEMBRANE)).toBe(true);
    expect(membraneStart * 3).toBeLessThan(triangles.length);
  });

  test('reads landmarks, vertices and points', () => {
    expectClose('landmarks, px', layout.landmarks(map), vectors.float32('landmarks'), 1e-3);
    expectClose('vertices, px', layout.vertices(map), vectors.float32('vertices'), 0.01);
    expect(largestDifference(layout.points(map, 5), vectors.float32('points'))).toBe(0);
  });

  test('finds the camera', () => {
    const { rotation, scale, translation, angles } = layout.camera(map);
    expectClose('camera', [...rotation, scale, ...translation], vectors.float64('camera'), 1e-4);
    expectClose('pose, degrees', angles, vectors.float64('angles'), 1e-4);
    const whole = layout.camera(map, 1);
    const numbers = [...whole.rotation, whole.scale, ...whole.translation];
    expectClose('camera of all texels', numbers, vectors.float64('camera of all'), 1e-4);
  });

  test('decodes and smooths', () => {
    const raw = decodeMap(vectors.float32('code'), 128);
    expectClose('decoded, px', raw, vectors.float32('raw'), 1e-3);
    const before = raw.slice();
    expectClose('smoothed, px', layout.smooth(raw), vectors.float32('smooth'), 1e-3);
    expect(largestDifference(raw, before)).toBe(0);
    // a second map has nothing of the first
    expectClose('smoothed again, px', layout.smooth(raw), vectors.float32('smooth'), 1e-3);
  });

  test('centres the depth in place', () => {
    const centred = map.slice();
    layout.centreDepth(centred);
    expectClose('centred, px', centred, vectors.float32('centred'), 1e-3);
    expect(largestDifference(centred, map)).toBeGreaterThan(0.1);
  });

  test('refuses maps of another size', () => {
    const small = new Float32Array(64 * 64 * 3);
    const uses = [
      () => layout.landmarks(small),
      () => layout.vertices(small),
      () => layout.smooth(small),
      () => layout.camera(small),
      () => layout.centreDepth(small),
    ];
    for (const use of uses) expect(use).toThrow(/a position map has 49152 values, got 12288/);
  });
});

describe('a damaged face.bin', () => {
  const file = readPackageFile('face.bin');

  /** The same file with another meta, or an array that takes its values from another one. */
  function changed(meta: Record<string, unknown>, instead: Record<string, string> = {}): ArrayFile {
    const entries = new Map(
      file.names.map((name) => {
        const source = instead[name] ?? name;
        const values = file.array(source);
        const dtype = values.constructor.name.replace('Array', '').toLowerCase() as 'uint8';
        return [name, { dtype, shape: file.shape(source), values }];
      }),
    );
    return new ArrayFile(entries, { ...file.meta, ...meta });
  }

  test('is told', () => {
    expect(Layout.from(changed({})).size).toBe(128);
    expect(() => Layout.from(changed({ size: 127 }))).toThrow(/no map size: 127/);
    expect(() => Layout.from(changed({ size: 64 }))).toThrow(/"kind" has another map's size/);
    expect(() => Layout.from(changed({ span: 2 }))).toThrow(/span 2; this package reads span 2.2/);
    expect(() => Layout.from(changed({}, { nearest: 'landmark_texels' }))).toThrow(/"nearest" does not fit/);
    expect(() => Layout.from(changed({}, { mean: 'landmark_weights' }))).toThrow(/"mean" does not fit/);
    expect(() => Layout.from(changed({}, { landmark_starts: 'landmark_texels' }))).toThrow(/landmarks do not fit/);
    expect(() => Layout.from(changed({}, { mean: 'kind' }))).toThrow(/dtype uint8, not float32/);
  });
});
