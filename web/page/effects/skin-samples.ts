/** Colours of the skin at some vertices of a face, read from the picture. */
import type { FaceMesh } from '../../src/index';
import { bounds } from '../faces/geometry';
import type { PlacedFace } from './effect';

/** Pixels a side of the small picture that is read. */
const SIDE = 96;
/** Every so many vertices. */
const STEP = 11;
/** Cosine of a normal to the camera, from which a vertex counts. */
const MIN_COSINE = 0.2;

export interface SkinSamples {
  /** Unit normals, y up, n x 3. */
  normals: [number, number, number][];
  /** Linear brightness, n. */
  brightness: number[];
  /** Mean brightness on the screen, 0 to 1. */
  screen: number;
}

let context: CanvasRenderingContext2D | null = null;

/** Which vertices the membrane of eyes and mouth has, one a vertex; the result is kept. */
const membranes = new WeakMap<FaceMesh, Uint8Array>();
function membrane(mesh: FaceMesh): Uint8Array {
  const known = membranes.get(mesh);
  if (known) return known;
  const out = new Uint8Array(mesh.uv.length / 2);
  for (let k = 3 * mesh.membraneStart; k < mesh.triangles.length; k++) out[mesh.triangles[k]] = 1;
  membranes.set(mesh, out);
  return out;
}

/** Read the skin of a face; vertices that are turned away or outside the picture are left out. */
export function skinSamples(canvas: HTMLCanvasElement, { face, shape }: PlacedFace, mesh: FaceMesh): SkinSamples {
  const { low, high } = bounds(face.vertices);
  const [width, height] = [high[0] - low[0], high[1] - low[1]];
  const pixels = smallPicture(canvas, low, width, height);
  const normals = shape.needSmoothNormals();
  const skip = membrane(mesh);
  const out: SkinSamples = { normals: [], brightness: [], screen: 0 };
  for (let v = 0; pixels && v < skip.length; v += STEP) {
    const [x, y] = [face.vertices[3 * v], face.vertices[3 * v + 1]];
    const inside = x >= 0 && y >= 0 && x < canvas.width && y < canvas.height;
    if (skip[v] || !inside || normals[3 * v + 2] < MIN_COSINE) continue;
    const column = Math.min(SIDE - 1, Math.floor(((x - low[0]) / width) * SIDE));
    const row = Math.min(SIDE - 1, Math.floor(((y - low[1]) / height) * SIDE));
    const at = 4 * (row * SIDE + column);
    const [r, g, b] = [pixels[at] / 255, pixels[at + 1] / 255, pixels[at + 2] / 255];
    out.normals.push([normals[3 * v], -normals[3 * v + 1], normals[3 * v + 2]]);
    out.brightness.push((r ** 2.2 + g ** 2.2 + b ** 2.2) / 3);
    out.screen += 0.299 * r + 0.587 * g + 0.114 * b;
  }
  out.screen = out.brightness.length ? out.screen / out.brightness.length : 0.5;
  return out;
}

function smallPicture(
  canvas: HTMLCanvasElement,
  low: number[],
  width: number,
  height: number,
): Uint8ClampedArray | null {
  if (!context) {
    const small = document.createElement('canvas');
    small.width = small.height = SIDE;
    context = small.getContext('2d', { willReadFrequently: true });
  }
  if (!context || !(width > 0) || !(height > 0)) return null;
  context.drawImage(canvas, low[0], low[1], width, height, 0, 0, SIDE, SIDE);
  return context.getImageData(0, 0, SIDE, SIDE).data;
}
