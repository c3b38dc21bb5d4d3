/** The mesh of one face, shared by the picture and the 3D view. */
import { BufferAttribute, BufferGeometry, Matrix4 } from 'three';
import type { Face, FaceMesh, Pose } from '../../src/index';
import { smoothNormals, vertexNormals } from '../faces/geometry';

/** How often normals are averaged for light on the skin: hides the folds of lids from it. */
const SMOOTHING = 6;

/** Vertices of a face in the photo frame (y down), with their places in the chart. Normals are computed when asked for. */
export class FaceShape {
  readonly geometry = new BufferGeometry();
  private readonly places: BufferAttribute;
  private readonly normals: BufferAttribute;
  private readonly smooth: BufferAttribute;
  private normalsOf = -1;
  private smoothOf = -1;
  private version = 0;

  constructor(private readonly mesh: FaceMesh) {
    const count = mesh.uv.length / 2;
    this.places = new BufferAttribute(new Float32Array(3 * count), 3);
    this.normals = new BufferAttribute(new Float32Array(3 * count), 3);
    this.smooth = new BufferAttribute(new Float32Array(3 * count), 3);
    this.geometry.setIndex(new BufferAttribute(reversed(mesh.triangles), 1));
    this.geometry.setAttribute('position', this.places);
    this.geometry.setAttribute('uv', new BufferAttribute(Float32Array.from(mesh.uv), 2));
    this.geometry.setAttribute('normal', this.normals);
    this.geometry.setAttribute('smoothNormal', this.smooth);
  }

  /** Take the vertices of a face. */
  update(face: Face): void {
    this.places.array.set(face.vertices);
    this.places.needsUpdate = true;
    this.version += 1;
  }

  /** Compute the normals, outward in the photo frame, if they are not those of the present vertices. */
  needNormals(): Float32Array {
    const out = this.normals.array as Float32Array<ArrayBuffer>;
    if (this.normalsOf !== this.version) {
      vertexNormals(this.places.array, this.mesh.triangles, true, out);
      this.normals.needsUpdate = true;
      this.normalsOf = this.version;
    }
    return out;
  }

  /** The same, varying less: for light. */
  needSmoothNormals(): Float32Array {
    const out = this.smooth.array as Float32Array<ArrayBuffer>;
    if (this.smoothOf !== this.version) {
      out.set(this.needNormals());
      smoothNormals(out, this.mesh.triangles, SMOOTHING);
      this.smooth.needsUpdate = true;
      this.smoothOf = this.version;
    }
    return out;
  }

  dispose(): void {
    this.geometry.dispose();
  }
}

/** Triangles (t x 3) in the other direction: in numbers of the photo frame, where y points down, these are counter-clockwise. */
function reversed(triangles: Uint32Array): Uint32Array<ArrayBuffer> {
  const out = Uint32Array.from(triangles);
  for (let k = 0; k < out.length; k += 3) [out[k + 1], out[k + 2]] = [out[k + 2], out[k + 1]];
  return out;
}

/** From the photo frame to upright millimetres about the face frame's origin; `ahead` undoes the head's rotation too. */
export function photoToWorld({ rotation: r, scale, translation: t }: Pose, ahead: boolean): Matrix4 {
  const shift = new Matrix4().makeTranslation(-t[0], -t[1], -t[2]);
  const upright = new Matrix4().makeScale(1 / scale, -1 / scale, 1 / scale).multiply(shift);
  return ahead ? turn(r).transpose().multiply(upright) : upright;
}

/** From the face frame, in millimetres, to upright pixels of the photo (y up). */
export function faceToPicture({ rotation, scale, translation: t }: Pose): Matrix4 {
  const move = new Matrix4().makeTranslation(t[0], -t[1], t[2]);
  return move.multiply(new Matrix4().makeScale(scale, scale, scale)).multiply(turn(rotation));
}

/** A rotation (3 x 3, row by row) as a matrix of three.js. */
export function turn(r: ArrayLike<number>): Matrix4 {
  return new Matrix4().set(r[0], r[1], r[2], 0, r[3], r[4], r[5], 0, r[6], r[7], r[8], 0, 0, 0, 0, 1);
}
