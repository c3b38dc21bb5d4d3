import { describe, expect, test } from 'vitest';
import { rotationDistance } from '../../src/geometry/camera';
import type { Box } from '../../src/geometry/crop';
import { anchors, BlazeFace, suppress } from '../../src/reconstruction/blazeface';
import { FaceDetector } from '../../src/reconstruction/detection';
import { wrapDegrees } from '../../src/reconstruction/fine';
import { FaceError } from '../../src/types';
import { largestDifference, pictureOf, readVectors, tell } from '../read-vectors';
import { photoNames, recordedDetector } from './photos';

const silent = { run: () => Promise.resolve([new Float32Array(896 * 16), new Float32Array(896).fill(-100)]) };
const boxMap = new Float64Array(52);

describe('BlazeFace', () => {
  test('has 896 anchors', () => {
    const short = anchors(128, [8, 16, 16, 16]);
    expect(short).toHaveLength(2 * 896);
    expect([...short.subarray(0, 6)]).toEqual([4, 4, 4, 4, 12, 4]);
    expect([...short.subarray(-2)]).toEqual([120, 120]);
    expect(anchors(256, [16, 32, 32, 32])).toHaveLength(2 * 896);
  });

  test('averages boxes of the same face by their scores', () => {
    const at = (x: number, score: number) => ({
      score,
      points: Float64Array.of(x, 0, x + 10, 10, ...Array(12).fill(x)),
    });
    const found = suppress([at(0, 0.6), at(50, 0.7), at(1, 0.9)]);
    expect(found.map((face) => face.score)).toEqual([0.9, 0.7]);
    expect(found[0].points[0]).toBeCloseTo(0.6, 12);
    expect(suppress([])).toEqual([]);
  });

  test('refuses answers of another network', async () => {
    const other = { run: () => Promise.resolve([new Float32Array(12)]) };
    const picture = pictureOf(readVectors('warps.bin'));
    await expect(
      new FaceDetector(new BlazeFace(other, 'back'), new BlazeFace(other, 'short'), boxMap).detect(picture),
    ).rejects.toThrow(/answers 896 anchors, got 12/);
  });
});

test('angles are wrapped', () => {
  expect([190, -190, 180, -180, 540, -725, 10].map(wrapDegrees)).toEqual([-170, 170, -180, -180, -180, -5, 10]);
});

describe('the detector', () => {
  test.each(photoNames())('finds the faces of Python in the photo "%s"', async (name) => {
    const file = readVectors(`photo_${name}.bin`);
    const { detector, models } = recordedDetector(file);
    const found = await detector.detect(pictureOf(file));
    expect(found).toHaveLength(file.shape('boxes')[0]);
    const numbers = {
      boxes: found.flatMap((face) => face.box),
      scores: found.map((face) => face.score),
      angles: found.map((face) => face.angle),
      keypoints: found.flatMap((face) => [...face.keypoints]),
    };
    for (const [what, values] of Object.entries(numbers)) {
      const difference = largestDifference(values, file.float64(what));
      tell(`${name}: ${what}`, difference);
      expect(difference, what).toBeLessThan(1e-3);
    }
    // it looked where Python looked, and nowhere twice
    expect(models.back.uses.every((uses) => uses === 1)).toBe(true);
    expect(models.short.uses.every((uses) => uses === 1)).toBe(true);
  });

  test.each(photoNames().filter((name) => readVectors(`photo_${name}.bin`).has('moved box')))(
    'finds the face of the photo "%s" again',
    async (name) => {
      const file = readVectors(`photo_${name}.bin`);
      const { detector } = recordedDetector(file, 'again');
      const again = await detector.redetect(pictureOf(file), [...file.float64('moved box')] as Box);
      if (!file.has('again')) {
        expect(again).toBeNull(); // Python does not find it either
        return;
      }
      const found = again ? [...again.box, again.score, again.angle] : [];
      const difference = largestDifference(found, file.float64('again'));
      tell(`${name}: again`, difference);
      expect(difference).toBeLessThan(1e-3);
    },
  );

  test('finds nothing where the networks see nothing', async () => {
    const detector = new FaceDetector(new BlazeFace(silent, 'back'), new BlazeFace(silent, 'short'), boxMap);
    const picture = { width: 3, height: 2, data: new Uint8ClampedArray(24) };
    expect(await detector.detect(picture)).toEqual([]);
    expect(await detector.redetect(picture, [0, 0, 2, 2])).toBeNull();
  });

  test('needs a picture and a map of boxes', async () => {
    const [coarse, fine] = [new BlazeFace(silent, 'back'), new BlazeFace(silent, 'short')];
    expect(() => new FaceDetector(coarse, fine, new Float64Array(51))).toThrow(/has 52 values, got 51/);
    const empty = { width: 0, height: 5, data: new Uint8ClampedArray(0) };
    await expect(new FaceDetector(coarse, fine, boxMap).detect(empty)).rejects.toBeInstanceOf(FaceError);
  });
});

test('rotations are told apart', () => {
  expect(rotationDistance([1, 0, 0, 0, 1, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1, 0, -1, 0])).toBeCloseTo(90, 9);
});
