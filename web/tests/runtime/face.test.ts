import { describe, expect, it } from 'vitest';
import { Camera } from '../../src/geometry/camera';
import type { Look } from '../../src/reconstruction/closer-look';
import { bareFace, expressionsOf, type FoundFace } from '../../src/runtime/face';
import { faceLayout, largestDifference } from '../read-vectors';

const layout = faceLayout();
// a quarter turn about the vertical axis, so that the axes are easily told apart
const camera = new Camera(Float64Array.of(0, 0, -1, 0, 1, 0, 1, 0, 0), 2, Float64Array.of(300, 200, 0));
const map = Float32Array.from(camera.project(layout.meanMap));
const look: Look = {
  confidence: Float64Array.of(1, 0.5, 0),
  irises: Float64Array.of(250, 180, 12, 340, 181, 13),
  gaze: Float64Array.of(0.6, 0, 0.8, 0, 0.6, 0.8),
  firstMap: map,
  expressions: new Float64Array(43).fill(NaN),
};
const found: FoundFace = { id: 3, look: 1, confidence: 0.9, map, seen: look };

describe('bareFace', () => {
  it('computes what follows from the map', () => {
    const face = bareFace(layout, found);
    expect([face.id, face.look, face.confidence]).toEqual([3, 1, 0.9]);
    expect(face.positionMap).toEqual(map);
    expect(face.positionMap.buffer).not.toBe(map.buffer); // the answer is handed over, and the map may be needed again
    expect(face.landmarks).toHaveLength(68 * 3);
    expect(face.vertices).toHaveLength(layout.mesh.mean.length);
    expect(largestDifference(face.vertices, camera.project(layout.mesh.mean))).toBeLessThan(0.01);
    expect([face.pose.pitch, face.pose.yaw, face.pose.roll].map(Math.abs)).toEqual(
      [0, 90, 0].map((a) => expect.closeTo(a, 1)),
    );
    expect(face.pose.scale).toBeCloseTo(2, 4);
    expect(largestDifference(face.pose.rotation, camera.rotation)).toBeLessThan(1e-4);
    expect(largestDifference(face.pose.translation, camera.translation)).toBeLessThan(1e-2);
    const [right, left, mouth] = face.openness;
    expect(right).toBeCloseTo(left, 3);
    expect(right).toBeGreaterThan(0.2);
    expect(mouth).toBeLessThan(0.1);
  });

  it('turns the gaze into the face frame, and leaves irises in the picture', () => {
    const { eyes } = bareFace(layout, found);
    // the transpose of the rotation: x comes from z, and z from -x
    expect(largestDifference(eyes.gaze, [0.8, 0, -0.6, 0.8, 0.6, 0])).toBeLessThan(1e-4);
    expect(eyes.irises).toEqual(look.irises);
  });

  it.each([
    ['that is hidden', { ...found, seen: { ...look, confidence: Float64Array.of(0, 1, 1) } }, [true, false]],
    ['without a closer look', { ...found, seen: null }, [true, true]],
    ['that is closed', { ...found, map: closed() }, [true, true]],
  ])('has no gaze for an eye %s', (_, other, hidden) => {
    const { eyes } = bareFace(layout, other);
    for (const values of [eyes.gaze, eyes.irises]) {
      expect([values.subarray(0, 3), values.subarray(3)].map((eye) => eye.every(Number.isNaN))).toEqual(hidden);
    }
  });

  it('is in pixels of the picture that was given', () => {
    const half = bareFace(layout, found, [0.5, 0.5]);
    const whole = bareFace(layout, found);
    // the centre of the first pixel is (0, 0): a pixel of the small picture covers those from -0.5 to 1.5
    for (const name of ['positionMap', 'landmarks', 'vertices'] as const) {
      const expected = whole[name].map((value, i) => (i % 3 === 2 ? 2 * value : 2 * (value + 0.5) - 0.5));
      expect(largestDifference(half[name], expected), name).toBeLessThan(1e-3);
    }
    expect(half.pose.scale).toBeCloseTo(4, 3);
    expect(half.pose.yaw).toBeCloseTo(whole.pose.yaw, 3);
    expect(largestDifference(half.eyes.irises, [500.5, 360.5, 24, 680.5, 362.5, 26])).toBeLessThan(1e-9);
    expect(largestDifference(half.eyes.gaze, whole.eyes.gaze)).toBeLessThan(1e-4);
  });
});

describe('expressionsOf', () => {
  it('is empty where none are looked for', () => {
    expect(expressionsOf(null, null)).toEqual({ expressions: {}, unsupported: [] });
  });
});

/** The map with both lids and lips on one height: without openings. */
function closed(): Float32Array {
  const flat = layout.meanMap.map((value, i) => (i % 3 === 1 ? 0.001 * value : value));
  return Float32Array.from(camera.project(flat));
}
