/** Adds a recording to a .glb file with morph targets: the rest of the file stays as it is. */
import { arkitName } from '../avatar/names';
import type { Take } from '../avatar/take';
import { eyeQuaternion } from '../avatar/gaze';
import { GlbError, GlbWriter, readGlb, type Gltf } from './glb';

type Sampler = { input: number; output: number; interpolation: 'LINEAR' };
type Channel = { sampler: number; target: { node: number; path: 'weights' | 'rotation' } };
type Quaternion = readonly [number, number, number, number];

/** Which nodes turn, by their numbers in the file; null where the file has none. */
export interface TurningNodes {
  head: number | null;
  rightEye: number | null;
  leftEye: number | null;
}

/** The nodes that turn with the head and the eyes, by their names. */
export function turningNodes(tree: Gltf): TurningNodes {
  const find = (pattern: RegExp): number | null => {
    const k = (tree.nodes ?? []).findIndex((node) => pattern.test(node.name ?? '') && !node.matrix);
    return k < 0 ? null : k;
  };
  // the whole figure turns where there is no bone of the head
  const head = find(/^(mixamorig:?)?head$/i) ?? tree.scenes?.[tree.scene ?? 0]?.nodes?.[0] ?? null;
  return {
    head: head !== null && tree.nodes?.[head]?.matrix ? null : head,
    rightEye: find(/^(right_?eye|eye_?right|mixamorig:?righteye)$/i),
    leftEye: find(/^(left_?eye|eye_?left|mixamorig:?lefteye)$/i),
  };
}

/**
 * The same file with an animation named `face`.
 *
 * @param file a .glb file with morph targets that have ARKit's names, see {@link arkitName}
 * @param take what moves them
 * @returns the file; throws {@link GlbError} where it has no such targets, or the take is empty
 */
export function animateGlb(file: ArrayBuffer, take: Take): ArrayBuffer {
  if (!take.moments.length) throw new GlbError('Nothing was recorded: no face was seen.');
  const { tree, binary } = readGlb(file);
  if (tree.buffers?.some((buffer) => buffer.uri)) throw new GlbError('This file keeps its data in other files.');
  const writer = new GlbWriter(tree, binary);
  const input = writer.accessor(
    Float32Array.from(take.moments, (moment) => moment.seconds),
    'SCALAR',
    undefined,
    true,
  );
  const samplers: Sampler[] = [];
  const channels: Channel[] = [];
  const add = (node: number, path: 'weights' | 'rotation', output: number): void => {
    channels.push({ sampler: samplers.push({ input, output, interpolation: 'LINEAR' }) - 1, target: { node, path } });
  };
  for (const [node, names] of morphNodes(tree)) add(node, 'weights', writer.accessor(weights(names, take), 'SCALAR'));
  if (!channels.length) throw new GlbError('This file has no morph targets with ARKit’s names.');
  for (const [node, turns] of rotations(tree, take)) add(node, 'rotation', writer.accessor(turns, 'VEC4'));
  (tree.animations ??= []).push({ name: 'face', samplers, channels });
  return writer.finish();
}

/** Nodes whose mesh has targets that ARKit names, and the names of all its targets. */
function morphNodes(tree: Gltf): [number, string[]][] {
  const found: [number, string[]][] = [];
  for (const [number, node] of (tree.nodes ?? []).entries()) {
    const mesh = node.mesh === undefined ? undefined : tree.meshes?.[node.mesh];
    const names = mesh?.extras?.targetNames ?? [];
    if (mesh?.primitives[0]?.targets?.length === names.length && names.some((name) => arkitName(name)))
      found.push([number, names]);
  }
  return found;
}

/** The weights of targets at all moments, row by row. */
function weights(names: string[], take: Take): Float32Array {
  const own = names.map((name) => arkitName(name));
  return Float32Array.from(take.moments.flatMap((moment) => own.map((name) => (name && moment.weights[name]) || 0)));
}

/** Nodes that turn, and their quaternions at all moments, row by row. */
function rotations(tree: Gltf, take: Take): [number, Float32Array][] {
  const nodes = turningNodes(tree);
  const found: [number, Float32Array][] = [];
  const turn = (node: number | null, of: (k: number) => Quaternion): void => {
    if (node === null) return;
    const rest = rotationOf(tree, node);
    const parent = parentRotation(tree, node);
    // the turn is as seen from outside the file, the node's rotation is within its parent
    const within = (turned: Quaternion): Quaternion => product(product(inverse(parent), turned), parent);
    const all = take.moments.flatMap((_, k) => product(within(of(k)), rest));
    found.push([node, Float32Array.from(all)]);
  };
  turn(nodes.head, (k) => take.moments[k].rotation);
  turn(nodes.rightEye, (k) => eyeQuaternion(take.moments[k].gaze, 0));
  turn(nodes.leftEye, (k) => eyeQuaternion(take.moments[k].gaze, 1));
  return found;
}

function rotationOf(tree: Gltf, node: number): Quaternion {
  const [x, y, z, w] = tree.nodes?.[node]?.rotation ?? [0, 0, 0, 1];
  return [x, y, z, w];
}

/** The rotation of a node's parent in the file's own axes. */
function parentRotation(tree: Gltf, node: number): Quaternion {
  const parent = (tree.nodes ?? []).findIndex(({ children }) => children?.includes(node));
  return parent < 0 ? [0, 0, 0, 1] : product(parentRotation(tree, parent), rotationOf(tree, parent));
}

function inverse([x, y, z, w]: Quaternion): Quaternion {
  return [-x, -y, -z, w];
}

/** The rotation that first does `b`, then `a`; quaternions are x, y, z, w. */
export function product(a: Quaternion, b: Quaternion): [number, number, number, number] {
  return [
    a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
    a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
    a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
    a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2],
  ];
}
