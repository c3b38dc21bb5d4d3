/** A model that the weights move: the bundled head, or the reader's own .glb with ARKit-named morph targets. */
import { Box3, Float32BufferAttribute, Group, Mesh, Quaternion, Vector3, type Object3D } from 'three';
import { GLTFLoader, type GLTF } from 'three/examples/jsm/loaders/GLTFLoader.js';
import { loadAsset } from '../assets';
import { vertexNormals } from '../faces/geometry';
import { GlbError, readGlb } from '../export/glb';
import { turningNodes, type TurningNodes } from '../export/animate-glb';
import { eyeQuaternion } from './gaze';
import { arkitName } from './names';
import type { Moment } from './take';

/** Height in millimetres that a reader's model is shown at, where it is not of a head's size. */
const SHOWN_HEIGHT = 330;
/** Where the middle of a reader's head is shown, in millimetres of the face frame. */
const SHOWN_MIDDLE = new Vector3(0, -10, -70);

interface Morphed {
  mesh: Mesh;
  /** ARKit's name of each target, or null. */
  names: (string | null)[];
}

interface Turned {
  node: Object3D;
  rest: Quaternion;
  /** The rotation of the node's parent, to turn it as seen from outside. */
  parent: Quaternion;
}

export class AvatarModel {
  /** What is drawn, in millimetres of the face frame. */
  readonly root = new Group();
  private readonly morphed: Morphed[] = [];
  private readonly head: Turned | null;
  private readonly eyes: (Turned | null)[];

  /** @param file kept, so that a recording can be added to it, @param name for the reader, @param own the reader's */
  private constructor(
    readonly file: ArrayBuffer,
    readonly name: string,
    readonly own: boolean,
    gltf: GLTF,
    nodes: TurningNodes,
    objects: (Object3D | null)[],
  ) {
    this.root.add(gltf.scene);
    gltf.scene.updateMatrixWorld(true);
    gltf.scene.traverse((part) => {
      if (!(part instanceof Mesh)) return;
      part.frustumCulled = false; // targets move it out of its bounds
      const targets = Object.entries(part.morphTargetDictionary ?? {}).sort((a, b) => a[1] - b[1]);
      const names = targets.map(([target]) => arkitName(target));
      if (names.some((target) => target !== null)) this.morphed.push({ mesh: part, names });
    });
    const turned = (number: number | null): Turned | null => {
      const node = number === null ? null : objects[number];
      if (!node) return null;
      const parent = node.parent?.getWorldQuaternion(new Quaternion()) ?? new Quaternion();
      return { node, rest: node.quaternion.clone(), parent };
    };
    this.head = turned(nodes.head);
    this.eyes = [turned(nodes.rightEye), turned(nodes.leftEye)];
    if (own) this.fit(gltf.scene);
    else this.root.scale.setScalar(1000);
  }

  /** The bundled head. Throws PageError `offline` where it cannot be loaded. */
  static async bundled(): Promise<AvatarModel> {
    const file = await loadAsset('head.glb');
    const model = await AvatarModel.parse(await file.arrayBuffer(), 'Bundled head', false);
    for (const { mesh } of model.morphed) addMorphNormals(mesh);
    return model;
  }

  /** The reader's own model. Throws {@link GlbError} where it is none, or has no such targets. */
  static async fromFile(file: File): Promise<AvatarModel> {
    const model = await AvatarModel.parse(await file.arrayBuffer(), file.name, true);
    if (!model.morphed.length) {
      throw new GlbError('It has no morph targets with ARKit’s names, such as jawOpen or mouthSmileLeft.');
    }
    return model;
  }

  private static async parse(file: ArrayBuffer, name: string, own: boolean): Promise<AvatarModel> {
    const { tree } = readGlb(file);
    const required = (tree.extensionsRequired ?? []) as string[];
    const packed = required.find((extension) => /draco|meshopt|basisu/i.test(extension));
    if (packed) throw new GlbError(`It is compressed (${packed}). Export it without compression.`);
    let gltf: GLTF;
    try {
      gltf = await new GLTFLoader().parseAsync(file, '');
    } catch (error) {
      throw new GlbError(error instanceof Error ? error.message : 'It cannot be read.');
    }
    const objects: (Object3D | null)[] = new Array<null>((tree.nodes ?? []).length).fill(null);
    for (const [object, place] of gltf.parser.associations) {
      const number = (place as { nodes?: number } | undefined)?.nodes;
      if (number !== undefined && 'isObject3D' in object) objects[number] ??= object as Object3D;
    }
    return new AvatarModel(file, name, own, gltf, turningNodes(tree), objects);
  }

  /** ARKit's names of the targets that this model has. */
  get names(): string[] {
    return [...new Set(this.morphed.flatMap(({ names }) => names.filter((name) => name !== null)))];
  }

  /** Show what a face shows; `follow` turns the head too. */
  drive(moment: Moment, follow: boolean): void {
    for (const { mesh, names } of this.morphed) {
      const influences = mesh.morphTargetInfluences ?? [];
      names.forEach((name, k) => (influences[k] = name ? (moment.weights[name] ?? 0) : 0));
    }
    if (this.head) turnNode(this.head, follow ? moment.rotation : [0, 0, 0, 1]);
    this.eyes.forEach((eye, k) => {
      if (eye) turnNode(eye, eyeQuaternion(moment.gaze, k === 0 ? 0 : 1));
    });
  }

  dispose(): void {
    this.root.traverse((part) => {
      if (part instanceof Mesh) part.geometry.dispose();
    });
  }

  /** Show the head of a reader's model as large as the bundled one, also where the model is a whole body. */
  private fit(scene: Object3D): void {
    const faces = new Box3();
    for (const { mesh } of this.morphed) faces.expandByObject(mesh);
    if (faces.isEmpty()) faces.setFromObject(scene);
    const size = faces.getSize(new Vector3());
    const middle = faces.getCenter(new Vector3());
    const scale = SHOWN_HEIGHT / Math.max(size.y, 1e-6);
    this.root.scale.setScalar(scale);
    this.root.position.copy(middle).multiplyScalar(-scale).add(SHOWN_MIDDLE);
  }
}

/** Turn a node, as seen from outside, away from how the file has it. */
function turnNode({ node, rest, parent }: Turned, rotation: readonly [number, number, number, number]): void {
  const inside = parent
    .clone()
    .invert()
    .multiply(new Quaternion(...rotation))
    .multiply(parent);
  node.quaternion.copy(inside.multiply(rest));
}

/** Normals of the morph targets, so that light follows an expression; the bundled file leaves them out to be small. */
function addMorphNormals(mesh: Mesh): void {
  const { geometry } = mesh;
  const places = geometry.getAttribute('position');
  const targets = geometry.morphAttributes.position;
  const index = geometry.getIndex();
  if (!targets || !index) return;
  const rest = new Float32Array(3 * places.count);
  for (let k = 0; k < places.count; k++) rest.set([places.getX(k), places.getY(k), places.getZ(k)], 3 * k);
  const restNormals = vertexNormals(rest, index.array);
  const moved = new Float32Array(rest.length);
  geometry.morphAttributes.normal = targets.map((target) => {
    for (let k = 0; k < places.count; k++) {
      moved[3 * k] = rest[3 * k] + target.getX(k);
      moved[3 * k + 1] = rest[3 * k + 1] + target.getY(k);
      moved[3 * k + 2] = rest[3 * k + 2] + target.getZ(k);
    }
    const normals = vertexNormals(moved, index.array);
    for (let k = 0; k < normals.length; k++) normals[k] -= restNormals[k];
    return new Float32BufferAttribute(normals, 3);
  });
  geometry.morphTargetsRelative = true;
}
