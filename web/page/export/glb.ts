/** The container of glTF 2.0: a JSON tree and one binary chunk (section 4.4 of the specification). */

const MAGIC = 0x46546c67;
const JSON_CHUNK = 0x4e4f534a;
const BINARY_CHUNK = 0x004e4942;
export const FLOAT = 5126;
export const UNSIGNED_INT = 5125;
export const ARRAY_BUFFER = 34962;
export const ELEMENT_BUFFER = 34963;

/** The parts of a glTF tree that this page writes or reads; others are kept as they are. */
export interface Gltf {
  asset: { version: string; generator?: string; copyright?: string };
  scene?: number;
  scenes?: { nodes?: number[] }[];
  nodes?: GltfNode[];
  meshes?: GltfMesh[];
  accessors?: Record<string, unknown>[];
  bufferViews?: { buffer: number; byteOffset?: number; byteLength: number; target?: number }[];
  buffers?: { byteLength: number; uri?: string }[];
  animations?: Record<string, unknown>[];
  [other: string]: unknown;
}

export interface GltfNode {
  name?: string;
  mesh?: number;
  children?: number[];
  rotation?: number[];
  matrix?: number[];
  [other: string]: unknown;
}

export interface GltfMesh {
  name?: string;
  primitives: { targets?: unknown[]; [other: string]: unknown }[];
  weights?: number[];
  extras?: { targetNames?: string[] };
}

/** A file is not a .glb that can be read. */
export class GlbError extends Error {
  override name = 'GlbError';
}

/** The tree and the binary chunk of a .glb file. Throws {@link GlbError} where the file is none, or is cut off. */
export function readGlb(file: ArrayBuffer): { tree: Gltf; binary: Uint8Array } {
  const view = new DataView(file);
  if (file.byteLength < 20 || view.getUint32(0, true) !== MAGIC) throw new GlbError('This file is not a .glb file.');
  if (view.getUint32(4, true) !== 2) throw new GlbError('This .glb file is not of version 2.');
  let tree: Gltf | null = null;
  let binary = new Uint8Array();
  for (let at = 12; at + 8 <= file.byteLength;) {
    const length = view.getUint32(at, true);
    const kind = view.getUint32(at + 4, true);
    if (at + 8 + length > file.byteLength) throw new GlbError('This .glb file is cut off.');
    const data = new Uint8Array(file, at + 8, length);
    if (kind === JSON_CHUNK) tree = parseTree(data);
    if (kind === BINARY_CHUNK) binary = data;
    at += 8 + length;
  }
  if (!tree) throw new GlbError('This .glb file is cut off.');
  return { tree, binary };
}

function parseTree(data: Uint8Array): Gltf {
  let tree: unknown;
  try {
    tree = JSON.parse(new TextDecoder().decode(data));
  } catch {
    tree = null;
  }
  if (typeof tree !== 'object' || tree === null) throw new GlbError('This .glb file is damaged.');
  return tree as Gltf;
}

/** A glTF tree whose arrays go into one binary chunk. */
export class GlbWriter {
  private readonly pieces: Uint8Array[] = [];
  private length = 0;

  /** Begin with a tree, and with the binary chunk that its buffer views are of. */
  constructor(
    readonly tree: Gltf,
    binary: Uint8Array = new Uint8Array(),
  ) {
    this.append(binary);
  }

  /** Add bytes as a buffer view, and return its number. */
  view(bytes: Uint8Array, target?: number): number {
    const byteOffset = this.append(bytes);
    const item = { buffer: 0, byteOffset, byteLength: bytes.byteLength, ...(target ? { target } : {}) };
    return (this.tree.bufferViews ??= []).push(item) - 1;
  }

  /**
   * Add an array as an accessor, and return its number.
   *
   * @param values floats, or whole numbers of triangles
   * @param type glTF's name of an element
   * @param target what the array is bound to; none for animations
   * @param bounded store the least and the greatest element, as glTF asks of places and of times
   */
  accessor(values: Float32Array | Uint32Array, type: keyof typeof WIDTHS, target?: number, bounded = false): number {
    const width = WIDTHS[type];
    const bufferView = this.view(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), target);
    const componentType = values instanceof Float32Array ? FLOAT : UNSIGNED_INT;
    const item: Record<string, unknown> = { bufferView, componentType, count: values.length / width, type };
    if (bounded) {
      const least = new Array<number>(width).fill(Infinity);
      const most = new Array<number>(width).fill(-Infinity);
      for (let k = 0; k < values.length; k++) {
        least[k % width] = Math.min(least[k % width], values[k]);
        most[k % width] = Math.max(most[k % width], values[k]);
      }
      Object.assign(item, { min: least, max: most });
    }
    return (this.tree.accessors ??= []).push(item) - 1;
  }

  /** The file. */
  finish(): ArrayBuffer {
    this.tree.buffers = [{ byteLength: this.length }];
    const text = padded(new TextEncoder().encode(JSON.stringify(this.tree)), 0x20);
    const file = new ArrayBuffer(28 + text.length + this.length);
    const view = new DataView(file);
    const bytes = new Uint8Array(file);
    const head = [MAGIC, 2, file.byteLength, text.length, JSON_CHUNK];
    head.forEach((value, k) => view.setUint32(4 * k, value, true));
    bytes.set(text, 20);
    view.setUint32(20 + text.length, this.length, true);
    view.setUint32(24 + text.length, BINARY_CHUNK, true);
    let at = 28 + text.length;
    for (const piece of this.pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return file;
  }

  private append(bytes: Uint8Array): number {
    const start = this.length;
    const piece = padded(bytes, 0);
    this.pieces.push(piece);
    this.length += piece.length;
    return start;
  }
}

const WIDTHS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 } as const;

/** Bytes filled up to a multiple of four, as chunks and accessors of floats ask. */
function padded(bytes: Uint8Array, filler: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / 4) * 4).fill(filler);
  out.set(bytes);
  return out;
}
