/**
 * The UV layout: where on the face each texel of a position map lies.
 *
 * A position map is size x size x 3, row by row: x, y and z of each texel in the photo frame. Texels outside the mesh
 * hold the nearest valid value.
 */
import type { ArrayFile } from '../common/arrays.js';
import { sparseTimes, type SparseMatrix } from '../common/linear.js';
import { Camera } from '../geometry/camera.js';
import { FaceError, type FaceMesh } from '../types.js';
import { SPAN } from './encoding.js';
import { cutMesh, gridTriangles, type CutMesh } from './mesh.js';
import { Smoother } from './smoother.js';

/** Kinds of texels; the membrane closes the openings of eyes and mouth. */
export const OUTSIDE = 0;
export const SURFACE = 1;
export const MEMBRANE = 2;

/** Every seventh texel suffices for the seven numbers of a camera. */
export const POSE_STEP = 7;

/** What a layout is made of; {@link Layout.from} reads it. */
interface LayoutParts {
  size: number;
  kind: Uint8Array;
  nearest: Int32Array;
  meanMap: Float32Array;
  landmarkMatrix: SparseMatrix;
  level: Float32Array;
}

export class Layout {
  /** Texels a side. */
  readonly size: number;
  /** Kind of each texel: OUTSIDE, SURFACE or MEMBRANE. */
  readonly kind: Uint8Array;
  /** 1 for each valid texel: surface and membrane; else 0. */
  readonly mask: Uint8Array;
  /** Flat indices of the surface texels, which are skin. */
  readonly texels: Int32Array;
  /** Flat index of the valid texel that is nearest to each texel. */
  readonly nearest: Int32Array;
  /** The mean face as a position map, in mm of the face frame. */
  readonly meanMap: Float32Array;
  /** 68 x texels: reads the landmarks from a map. */
  readonly landmarkMatrix: SparseMatrix;
  /** The mesh of {@link vertices}; its membrane comes last. */
  readonly mesh: FaceMesh;

  private readonly cut: CutMesh;
  private readonly smoother: Smoother;

  private constructor(parts: LayoutParts) {
    this.size = parts.size;
    this.kind = parts.kind;
    this.mask = parts.kind.map((kind) => (kind === OUTSIDE ? 0 : 1));
    const texels: number[] = [];
    parts.kind.forEach((kind, texel) => {
      if (kind === SURFACE) texels.push(texel);
    });
    this.texels = new Int32Array(texels);
    this.nearest = parts.nearest;
    this.meanMap = parts.meanMap;
    this.landmarkMatrix = parts.landmarkMatrix;
    this.cut = cutMesh(parts.level, gridTriangles(this.mask, this.size));
    this.mesh = this.createMesh();
    this.smoother = new Smoother(this.size, this.mask, this.nearest);
  }

  /**
   * The layout in `face.bin`.
   *
   * @throws FaceError `damaged` if arrays are missing, have other shapes, or are of another version's encoding
   */
  static from(file: ArrayFile): Layout {
    const { size, span } = file.meta;
    if (typeof size !== 'number' || size < 2 || size % 2)
      throw new FaceError('damaged', `There is no map size: ${size}.`);
    if (span !== SPAN) throw new FaceError('damaged', `Maps have span ${span}; this package reads span ${SPAN}.`);
    const kind = mirrored(halfOf(file.uint8('kind'), size, 'kind'), size);
    const nearest = nearestValid(kind, file.uint16('nearest'), size);
    const level = mirrored(halfOf(file.int16('outline'), size, 'outline'), size);
    return new Layout({
      size,
      kind,
      nearest,
      meanMap: meanMap(kind, nearest, file.float32('mean'), size),
      landmarkMatrix: readLandmarkMatrix(file, size),
      level: Float32Array.from(level),
    });
  }

  /** The landmarks, 68 x 3, of a position map, in the map's unit. */
  landmarks(map: Float32Array): Float32Array {
    return sparseTimes(this.landmarkMatrix, this.checked(map), 3);
  }

  /** The vertices of {@link mesh}, vertices x 3, of a position map. */
  vertices(map: Float32Array): Float32Array {
    this.checked(map);
    const { inner, outer, share } = this.cut;
    const out = new Float32Array(3 * inner.length);
    for (let i = 0, k = 0; i < inner.length; i++) {
      const [p, q, rest] = [3 * inner[i], 3 * outer[i], share[i]];
      for (let channel = 0; channel < 3; channel++, k++) {
        out[k] = map[p + channel] + rest * (map[q + channel] - map[p + channel]);
      }
    }
    return out;
  }

  /** Every step-th surface texel of a position map, n x 3. */
  points(map: Float32Array, step = 1): Float32Array {
    this.checked(map);
    const out = new Float32Array(3 * Math.ceil(this.texels.length / step));
    for (let i = 0, k = 0; i < this.texels.length; i += step, k += 3) {
      const p = 3 * this.texels[i];
      out[k] = map[p];
      out[k + 1] = map[p + 1];
      out[k + 2] = map[p + 2];
    }
    return out;
  }

  /** The camera that best projects the mean face onto a position map, by every step-th surface texel. */
  camera(map: Float32Array, step = POSE_STEP): Camera {
    return Camera.fit(this.points(this.meanMap, step), this.points(map, step));
  }

  /**
   * A position map that is smoothed by a Gaussian of a texel. A face is smooth at this scale, but transposed
   * convolutions of stride 2 leave a checkerboard. Only valid texels are averaged.
   */
  smooth(map: Float32Array): Float32Array {
    return this.smoother.smooth(this.checked(map));
  }

  /** Shift z of a position map, in place, to mean 0 over the valid texels. */
  centreDepth(map: Float32Array): void {
    this.checked(map);
    let sum = 0;
    let count = 0;
    for (let i = 0; i < this.mask.length; i++) {
      sum += this.mask[i] * map[3 * i + 2];
      count += this.mask[i];
    }
    const shift = sum / count;
    for (let i = 2; i < map.length; i += 3) map[i] -= shift;
  }

  /** RangeError if a map has another size. */
  private checked(map: Float32Array): Float32Array {
    const expected = 3 * this.size * this.size;
    if (map.length !== expected) throw new RangeError(`a position map has ${expected} values, got ${map.length}`);
    return map;
  }

  private createMesh(): FaceMesh {
    const { inner, outer, triangles } = this.cut;
    const { kind } = this;
    const closes = inner.map((texel, k) => Number(kind[texel] === MEMBRANE || kind[outer[k]] === MEMBRANE));
    const [skin, membrane]: number[][] = [[], []];
    for (let i = 0; i < triangles.length; i += 3) {
      const [a, b, c] = [triangles[i], triangles[i + 1], triangles[i + 2]];
      (closes[a] || closes[b] || closes[c] ? membrane : skin).push(a, b, c);
    }
    return {
      triangles: new Uint32Array(skin.concat(membrane)),
      membraneStart: skin.length / 3,
      uv: this.vertexUV(),
      mean: this.vertices(this.meanMap),
      size: this.size,
    };
  }

  /** Vertices x 2: u right and v down, 0 to 1. */
  private vertexUV(): Float32Array {
    const { size } = this;
    const texelUV = new Float32Array(3 * size * size);
    for (let i = 0; i < size * size; i++) {
      texelUV[3 * i] = ((i % size) + 0.5) / size;
      texelUV[3 * i + 1] = (Math.floor(i / size) + 0.5) / size;
    }
    return this.vertices(texelUV).filter((_, k) => k % 3 < 2);
  }
}

/** The array of the left half of a map, size x size / 2. */
function halfOf<T extends Uint8Array | Int16Array>(values: T, size: number, name: string): T {
  if (values.length !== (size * size) / 2) throw new FaceError('damaged', `Array "${name}" has another map's size.`);
  return values;
}

/** A map whose right half mirrors its left half. */
function mirrored<T extends Uint8Array | Int16Array>(half: T, size: number): T {
  const out = new (half.constructor as new (length: number) => T)(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size / 2; column++) {
      const value = half[(row * size) / 2 + column];
      out[row * size + column] = value;
      out[row * size + size - 1 - column] = value;
    }
  }
  return out;
}

/** Flat index of the nearest valid texel, from those of the texels outside the mesh in the left half, in order. */
function nearestValid(kind: Uint8Array, outside: Uint16Array, size: number): Int32Array {
  const out = new Int32Array(kind.length).map((_, texel) => texel);
  let count = 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size / 2; column++) {
      if (kind[row * size + column] !== OUTSIDE) continue;
      const found = outside[count++];
      out[row * size + column] = found;
      out[row * size + size - 1 - column] = mirrorOf(found, size);
    }
  }
  if (count !== outside.length || !out.every((texel) => kind[texel] !== OUTSIDE)) {
    throw new FaceError('damaged', 'Array "nearest" does not fit the kinds of the texels.');
  }
  return out;
}

/** The mean face, from its valid texels in the left half, in order. */
function meanMap(kind: Uint8Array, nearest: Int32Array, half: Float32Array, size: number): Float32Array {
  const out = new Float32Array(3 * size * size);
  let k = 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size / 2; column++) {
      const texel = row * size + column;
      if (kind[texel] === OUTSIDE) continue;
      out.set(half.subarray(k, k + 3), 3 * texel);
      out.set([-half[k], half[k + 1], half[k + 2]], 3 * mirrorOf(texel, size));
      k += 3;
    }
  }
  if (k !== half.length) throw new FaceError('damaged', 'Array "mean" does not fit the kinds of the texels.');
  nearest.forEach((source, texel) => out.copyWithin(3 * texel, 3 * source, 3 * source + 3));
  return out;
}

function mirrorOf(texel: number, size: number): number {
  return texel - (texel % size) + size - 1 - (texel % size);
}

function readLandmarkMatrix(file: ArrayFile, size: number): SparseMatrix {
  const matrix = {
    starts: Int32Array.from(file.uint16('landmark_starts')),
    columns: Int32Array.from(file.uint16('landmark_texels')),
    values: file.float32('landmark_weights'),
  };
  const { starts, columns, values } = matrix;
  const fits = starts.length === 69 && starts[68] === values.length && columns.length === values.length;
  if (!fits || !columns.every((column) => column < size * size)) {
    throw new FaceError('damaged', 'The arrays of the landmarks do not fit one another.');
  }
  return matrix;
}
