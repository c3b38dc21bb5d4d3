import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Engine, fileNames } from '../../src/runtime/engine';
import type { Pixels } from '../../src/runtime/picture';
import { faceLayout, largestDifference, pictureOf, readVectors } from '../read-vectors';
import { RecordedModel } from '../recorded';

const plain = { maxFaces: 3, closerLook: false, expressions: false, smooth: true };

function take(name: string): ArrayBuffer {
  const bytes = readFileSync(fileURLToPath(new URL(`../../public/files/${name}`, import.meta.url)));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}

/** An engine whose networks answer what Python's answered for a photo, and the photo. */
async function recorded(photo: string, options = plain): Promise<{ engine: Engine; pixels: Pixels; asked: string[] }> {
  const file = readVectors(`photo_${photo}.bin`);
  const asked: string[] = [];
  const names: Record<string, string> = {
    'open.bin': 'open',
    'blazeface_back.tflite': 'back',
    'blazeface_short.tflite': 'short',
  };
  const engine = await Engine.create(options, take, async (name, role) => {
    asked.push(`${name} ${role}`);
    return new RecordedModel(file, names[name]);
  });
  const picture = pictureOf(file);
  return { engine, pixels: { picture, width: picture.width, height: picture.height, scale: [1, 1] }, asked };
}

describe('fileNames', () => {
  it('are those that are needed', () => {
    const always = ['face.bin', 'open.bin', 'blazeface_back.tflite', 'blazeface_short.tflite'];
    expect(fileNames(plain)).toEqual(always);
    expect(fileNames({ ...plain, closerLook: true })).toEqual([...always, 'eye.bin', 'mouth.bin']);
    expect(fileNames({ ...plain, expressions: true })).toEqual([...always, 'fit.bin']);
  });
});

describe('an engine', () => {
  it('finds the faces of a photo as Python does, largest first', async () => {
    const { engine, pixels, asked } = await recorded('pair');
    const file = readVectors('photo_pair.bin');
    const { width, height, faces, timings } = await engine.reconstruct(pixels);
    expect([width, height]).toEqual([pixels.width, pixels.height]);
    expect(faces.map((face) => face.id)).toEqual([0, 1]);
    faces.forEach((face, k) => {
      expect(largestDifference(face.positionMap, file.float32(`map ${k}`))).toBeLessThan(0.01);
      expect(largestDifference(face.landmarks, file.float32(`landmarks ${k}`))).toBeLessThan(0.01);
      expect(face.confidence).toBeCloseTo(file.float64('confidences')[k], 4); // with the curve of these weights
      expect([face.expressions, face.unsupported]).toEqual([{}, []]);
    });
    expect(timings.detect).toBeGreaterThan(0);
    expect(timings.network).toBeGreaterThan(0);
    expect(timings.detect + timings.network + timings.track).toBeCloseTo(timings.total, 6);
    expect(asked).toEqual(['blazeface_back.tflite small', 'blazeface_short.tflite small', 'open.bin map']);
  });

  it('finds only as many as are asked for', async () => {
    const { engine, pixels } = await recorded('pair', { ...plain, maxFaces: 1 });
    expect((await engine.reconstruct(pixels)).faces).toHaveLength(1);
  });

  it('gives places in the picture that was given, where that is larger', async () => {
    const { engine, pixels } = await recorded('astronaut');
    const [small] = (await engine.reconstruct(pixels)).faces;
    const tracking = await engine.reconstruct({ ...pixels, width: 1024, height: 1024, scale: [0.5, 0.5] });
    expect([tracking.width, tracking.height]).toEqual([1024, 1024]);
    expect(tracking.faces[0].landmarks[0]).toBeCloseTo(2 * (small.landmarks[0] + 0.5) - 0.5, 3);
  });

  it('has the mesh and the description of the network', async () => {
    const { engine } = await recorded('astronaut');
    expect(largestDifference(engine.mesh.triangles, faceLayout().mesh.triangles)).toBe(0);
    expect(engine.model).toMatchObject({
      network: 'lprnet_lite',
      licence: expect.stringContaining('Free for any use'),
    });
  });
});
