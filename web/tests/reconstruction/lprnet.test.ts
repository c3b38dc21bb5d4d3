import { describe, expect, test } from 'vitest';
import type { Box } from '../../src/geometry/crop';
import { cropMatrix } from '../../src/geometry/crop';
import { LPRNet } from '../../src/reconstruction/lprnet';
import { FaceError } from '../../src/types';
import { faceLayout, largestDifference, pictureOf, readPackageFile, readVectors, tell } from '../read-vectors';
import { RecordedModel } from '../recorded';
import { photoNames, recordedDetector } from './photos';

const layout = faceLayout();
const { doubt } = readPackageFile('face.bin').meta.model as { doubt: [number, number] };
const MIN_CONFIDENCE = 0.4;

function recordedNet(name: string) {
  const file = readVectors(`photo_${name}.bin`);
  const net = new LPRNet(layout, new RecordedModel(file, 'open'), recordedDetector(file).detector, { doubt });
  return { file, net, picture: pictureOf(file) };
}

describe('a reconstruction', () => {
  test.each(photoNames())('of the photo "%s" is that of Python', async (name) => {
    const { file, net, picture } = recordedNet(name);
    const faces = await net.reconstruct(picture);
    const confidences = [...file.float64('confidences')];
    expect(confidences.every((confidence) => confidence >= MIN_CONFIDENCE)).toBe(true);
    expect(faces).toHaveLength(confidences.length);
    faces.forEach((face, k) => {
      const matrices = file.float64('matrices').subarray(6 * k, 6 * k + 6);
      const differences: Record<string, [number, number]> = {
        'map, px': [largestDifference(face.map, file.float32(`map ${k}`)), 0.01],
        'landmarks, px': [largestDifference(layout.landmarks(face.map), file.float32(`landmarks ${k}`)), 0.01],
        matrix: [largestDifference(face.matrix, matrices), 1e-3],
        confidence: [Math.abs(face.confidence - confidences[k]), 1e-4],
        box: [largestDifference(face.box, file.float64('boxes').subarray(4 * k, 4 * k + 4)), 1e-3],
      };
      for (const [what, [difference, tolerance]] of Object.entries(differences)) {
        tell(`${name}: ${what}`, difference);
        expect(difference, what).toBeLessThan(tolerance);
      }
    });
  });

  test('takes only as many faces as are asked for, the largest first', async () => {
    const { net, picture } = recordedNet('pair');
    expect(await net.reconstruct(picture)).toHaveLength(2);
    const [face, ...others] = await net.reconstruct(picture, 1);
    expect(others).toEqual([]);
    expect(face.box[2] - face.box[0]).toBeGreaterThan(150);
    await expect(net.reconstruct(picture, 0)).rejects.toThrow(/maxFaces must be at least 1/);
  });

  test('in a box needs no detector', async () => {
    const { file, net, picture } = recordedNet('turned');
    const box = [...file.float64('boxes')] as Box;
    const face = await net.reconstructInBox(picture, box, file.float64('angles')[0]);
    expect(largestDifference(face.map, file.float32('map 0'))).toBeLessThan(0.01);
    expect(face.confidence).toBeCloseTo(file.float64('confidences')[0] / file.float64('scores')[0], 4);
    expect(face.box).not.toBe(box);
  });

  test('drops what does not look like a face', async () => {
    const { file, picture } = recordedNet('astronaut');
    const flat = { run: () => Promise.resolve([new Float32Array(128 * 128 * 3).map((_, i) => Math.sin(i))]) };
    const net = new LPRNet(layout, flat, recordedDetector(file).detector, { doubt });
    expect(await net.reconstruct(picture)).toEqual([]);
  });

  test('refuses bad boxes and pictures', async () => {
    const { net, picture } = recordedNet('astronaut');
    const bad: [Box, RegExp][] = [
      [[10, 10, 10, 20], /x0 < x1/],
      [[10, 10, NaN, 20], /x0 < x1/],
      [[600, 10, 700, 90], /outside the photo of 512 x 512/],
      [[-90, 10, -20, 90], /outside the photo/],
      [[10, 10, 10.2, 10.2], /does not fit a face/],
      [[-1e6, -1e6, 1e6, 1e6], /does not fit a face/],
    ];
    for (const [box, message] of bad) await expect(net.reconstructInBox(picture, box)).rejects.toThrow(message);
    await expect(net.reconstructInBox(picture, [10, 10, 90, 90], NaN)).rejects.toThrow(/finite number of degrees/);
    const empty = { width: 0, height: 0, data: new Uint8ClampedArray(0) };
    await expect(net.reconstruct(empty)).rejects.toBeInstanceOf(FaceError);
    await expect(net.reconstructInBox(empty, [0, 0, 9, 9])).rejects.toBeInstanceOf(FaceError);
  });

  test('refuses a network whose answer is no map', async () => {
    const { file, picture } = recordedNet('astronaut');
    const other = { run: () => Promise.resolve([new Float32Array(12)]) };
    const net = new LPRNet(layout, other, recordedDetector(file).detector);
    await expect(net.reconstruct(picture)).rejects.toThrow(/a position map has 49152 values, got 12/);
  });
});

describe('the upright crop', () => {
  test('is that of Python', () => {
    const { net } = recordedNet('astronaut');
    const vectors = readVectors('layout.bin');
    const difference = largestDifference(net.uprightCrop(vectors.float32('map')), vectors.float64('upright'));
    tell('upright crop', difference);
    expect(difference).toBeLessThan(1e-3);
  });

  test('turns a leaning face back', () => {
    const { net, file } = recordedNet('turned');
    const matrix = net.uprightCrop(file.float32('map 0'));
    const turn = (Math.atan2(matrix[1], matrix[0]) * 180) / Math.PI;
    expect(Math.abs(turn - file.float64('angles')[0])).toBeLessThan(10);
    expect(turn).toBeGreaterThan(25);
    expect(cropMatrix([0, 0, 10, 10])[1]).toBe(0);
  });
});
