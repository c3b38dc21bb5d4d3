import { describe, expect, it } from 'vitest';
import { animateGlb, product } from '../../page/export/animate-glb';
import { canonicalGlb, faceGlb } from '../../page/export/face-glb';
import { GlbError, GlbWriter, readGlb, type Gltf } from '../../page/export/glb';
import { momentOf, type Take } from '../../page/avatar/take';
import { face, MESH } from './faces';

/** The floats or whole numbers of an accessor. */
function read(file: ArrayBuffer, number: number): number[] {
  const { tree, binary } = readGlb(file);
  const accessor = tree.accessors?.[number] as {
    bufferView: number;
    componentType: number;
    count: number;
    type: string;
  };
  const { byteOffset = 0, byteLength } = tree.bufferViews?.[accessor.bufferView] ?? { byteLength: 0 };
  expect(byteOffset % 4).toBe(0);
  const bytes = binary.slice(byteOffset, byteOffset + byteLength).buffer;
  const values = accessor.componentType === 5126 ? new Float32Array(bytes) : new Uint32Array(bytes);
  expect(values.length).toBe(accessor.count * { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 }[accessor.type as 'VEC2']);
  return Array.from(values);
}
const PNG = Uint8Array.from([137, 80, 78, 71, 1]);

describe('faceGlb', () => {
  const file = faceGlb(face(), MESH, PNG, true);
  const { tree, binary } = readGlb(file);
  const primitive = tree.meshes?.[0].primitives[0] as unknown as {
    attributes: Record<string, number>;
    indices: number;
  };

  it('is in metres, about the middle, y up, without the pose', () => {
    const places = read(file, primitive.attributes.POSITION);
    const expected = [...MESH.mean].map((value, k) => (value - [0, 0, 15][k % 3]) / 1000);
    places.forEach((value, k) => expect(value).toBeCloseTo(expected[k], 6));
  });

  it('tells the bounds that glTF asks for', () => {
    const accessor = tree.accessors?.[primitive.attributes.POSITION] as { min: number[]; max: number[] };
    [-0.05, -0.06, -0.015].forEach((value, k) => expect(accessor.min[k]).toBeCloseTo(value, 6));
    [0.05, 0.06, 0.015].forEach((value, k) => expect(accessor.max[k]).toBeCloseTo(value, 6));
  });

  it('has triangles, v down, normals that look to the camera, and the picture as it is', () => {
    expect(read(file, primitive.indices)).toEqual([...MESH.triangles]);
    expect(read(file, primitive.attributes.TEXCOORD_0)).toEqual([...MESH.uv]);
    const normals = read(file, primitive.attributes.NORMAL);
    for (let k = 2; k < normals.length; k += 3) expect(normals[k]).toBeGreaterThan(0.5);
    const image = tree.images as { bufferView: number; mimeType: string }[];
    const { byteOffset = 0, byteLength } = tree.bufferViews?.[image[0].bufferView] ?? { byteLength: 0 };
    expect(binary.slice(byteOffset, byteOffset + byteLength)).toEqual(PNG);
  });

  it('keeps the pose when it is not frontal', () => {
    const posed = faceGlb(face(), MESH, PNG, false);
    expect(read(posed, primitive.attributes.POSITION)[0]).not.toBeCloseTo(-0.05, 3);
  });

  it('says how long it and its chunks are', () => {
    const view = new DataView(file);
    expect(view.getUint32(8, true)).toBe(file.byteLength);
    expect(file.byteLength % 4).toBe(0);
    expect(tree.buffers?.[0].byteLength).toBe(binary.byteLength);
  });
});

describe('canonicalGlb', () => {
  it('needs no texture', () => {
    const { tree } = readGlb(canonicalGlb(MESH, null));
    expect(tree.images).toBeUndefined();
    expect(tree.meshes).toHaveLength(1);
  });
});

describe('readGlb', () => {
  it('says what is wrong', () => {
    expect(() => readGlb(new ArrayBuffer(40))).toThrow('not a .glb file');
    expect(() => readGlb(new ArrayBuffer(3))).toThrow('not a .glb file');
    const whole = canonicalGlb(MESH, null);
    expect(() => readGlb(whole.slice(0, whole.byteLength - 8))).toThrow('cut off');
    const damaged = whole.slice(0);
    new Uint8Array(damaged).set(new TextEncoder().encode('}}{{'), 24); // in its list of parts
    expect(() => readGlb(damaged)).toThrow(GlbError);
    expect(() => readGlb(damaged)).toThrow('damaged');
  });
});

/** A model with a head bone below a turned hip, an eye, and two targets, one of them not ARKit's. */
function model(): ArrayBuffer {
  const half = Math.SQRT1_2;
  const tree: Gltf = {
    asset: { version: '2.0' },
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: [
      { name: 'Hips', children: [1], rotation: [half, 0, 0, half] },
      { name: 'Head', children: [2, 3], rotation: [0, 0, half, half] },
      { name: 'Skin', mesh: 0 },
      { name: 'LeftEye' },
    ],
    meshes: [{ primitives: [{ targets: [{}, {}] }], extras: { targetNames: ['mouthSmile_L', 'wink'] } }],
  };
  return new GlbWriter(tree, Uint8Array.from([1, 2, 3, 4, 5])).finish();
}

describe('animateGlb', () => {
  const moments = [0, 0.5, 2].map((seconds, k) => momentOf(face({ mouthSmileLeft: k / 4, jawOpen: 1 }), seconds));
  const take: Take = { names: ['mouthSmileLeft', 'jawOpen'], moments };
  const file = animateGlb(model(), take);
  const { tree, binary } = readGlb(file);
  const animation = tree.animations?.[0] as {
    channels: { sampler: number; target: { node: number; path: string } }[];
    samplers: { input: number; output: number }[];
  };
  const output = (node: number, path: string): number[] => {
    const channel = animation.channels.find(({ target }) => target.node === node && target.path === path);
    expect(channel).toBeDefined();
    return read(file, animation.samplers[channel?.sampler ?? 0].output);
  };

  it('keeps what the file had', () => {
    expect(Array.from(binary.slice(0, 5))).toEqual([1, 2, 3, 4, 5]);
    expect(tree.nodes).toEqual(readGlb(model()).tree.nodes);
  });

  it('has the times, with their bounds, and all targets at each of them', () => {
    expect(read(file, animation.samplers[0].input)).toEqual([0, 0.5, 2]);
    expect(tree.accessors?.[animation.samplers[0].input]).toMatchObject({ min: [0], max: [2] });
    expect(output(2, 'weights')).toEqual([0, 0, 0.25, 0, 0.5, 0]);
  });

  it('turns the head as seen from outside, within its parent', () => {
    const local = output(1, 'rotation').slice(0, 4) as [number, number, number, number];
    const half = Math.SQRT1_2;
    const parent = [half, 0, 0, half] as const;
    const rest = [0, 0, half, half] as const;
    const world = product(parent, local);
    const expected = product(moments[0].rotation, product(parent, rest));
    world.forEach((value, k) => expect(value).toBeCloseTo(expected[k], 5));
  });

  it('turns an eye', () => {
    expect(output(3, 'rotation')).toHaveLength(12);
  });

  it('refuses an empty take, and a file without such targets', () => {
    expect(() => animateGlb(model(), { names: [], moments: [] })).toThrow('Nothing was recorded');
    expect(() => animateGlb(canonicalGlb(MESH, null), take)).toThrow('no morph targets');
  });
});
