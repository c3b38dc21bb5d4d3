/** The chart of the face, as a small picture: where the face is, where the membrane of eyes and mouth, how far the border. */
import type { FaceMesh } from '../../src/index';

/** Levels of the third channel for each texel of distance to the border. */
export const BORDER_LEVELS = 16;

/**
 * RGBA (size x size x 4), row by row from v = 0: the face (0 or 255), the membrane (0 or 255), and the distance to the
 * border in texels times {@link BORDER_LEVELS}.
 */
export function chartPicture(mesh: FaceMesh, size: number): Uint8Array {
  const out = new Uint8Array(4 * size * size);
  for (let k = 0; k < mesh.triangles.length; k += 3) {
    const [a, b, c] = [mesh.triangles[k], mesh.triangles[k + 1], mesh.triangles[k + 2]];
    fill(out, size, mesh.uv, [a, b, c], k / 3 >= mesh.membraneStart);
  }
  const distance = borderDistance(out, size);
  for (let k = 0; k < distance.length; k++) {
    out[4 * k + 2] = Math.min(255, distance[k] * BORDER_LEVELS);
    out[4 * k + 3] = 255;
  }
  return out;
}

/** Mark the texels whose centres a triangle covers. */
function fill(out: Uint8Array, size: number, uv: Float32Array, corners: number[], membrane: boolean): void {
  const [x0, x1, x2] = corners.map((i) => uv[2 * i] * size - 0.5);
  const [y0, y1, y2] = corners.map((i) => uv[2 * i + 1] * size - 0.5);
  const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
  if (!area) return;
  const top = Math.max(0, Math.ceil(Math.min(y0, y1, y2) - 1e-3));
  const bottom = Math.min(size - 1, Math.floor(Math.max(y0, y1, y2) + 1e-3));
  const left = Math.max(0, Math.ceil(Math.min(x0, x1, x2) - 1e-3));
  const right = Math.min(size - 1, Math.floor(Math.max(x0, x1, x2) + 1e-3));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const b = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area;
      const c = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area;
      if (b < -1e-3 || c < -1e-3 || b + c > 1.001) continue;
      const at = 4 * (y * size + x);
      out[at] = 255;
      if (membrane) out[at + 1] = 255;
    }
  }
}

/** Distance of each texel to the nearest one outside the face, by two sweeps (Borgefors, 1986); the picture's edge is outside. */
function borderDistance(picture: Uint8Array, size: number): Float32Array {
  const wide = size + 2;
  const padded = new Float32Array(wide * wide);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) padded[(y + 1) * wide + x + 1] = picture[4 * (y * size + x)] ? 1e6 : 0;
  }
  const near = [1, wide];
  const across = [wide - 1, wide + 1];
  const sweep = (at: number, sign: number): void => {
    if (!padded[at]) return;
    for (const step of near) padded[at] = Math.min(padded[at], padded[at - sign * step] + 1);
    for (const step of across) padded[at] = Math.min(padded[at], padded[at - sign * step] + Math.SQRT2);
  };
  for (let at = wide; at < wide * (wide - 1); at++) sweep(at, 1);
  for (let at = wide * (wide - 1) - 1; at >= wide; at--) sweep(at, -1);
  const out = new Float32Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) out[y * size + x] = padded[(y + 1) * wide + x + 1];
  }
  return out;
}
