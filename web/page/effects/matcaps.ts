/**
 * What metal, plastic and glass look like in soft light, as pictures of a ball: the cheapest good light there is, also
 * without a graphics card.
 */
import { DataTexture, LinearFilter, RGBAFormat, SRGBColorSpace } from 'three';

export type Surface = 'metal' | 'plastic' | 'glass';
type Triple = readonly [number, number, number];

const SIDE = 64;
const LAMP: Triple = [-0.43, 0.62, 0.66];
/** Half way between the lamp and the viewer. */
const HALFWAY: Triple = [-0.236, 0.34, 0.91];

const dot = (a: Triple, b: Triple): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const ramp = (value: number, low: number, high: number): number => {
  const t = Math.min(Math.max((value - low) / (high - low), 0), 1);
  return t * t * (3 - 2 * t);
};

/** Colour, 0 to 1 each as on the screen, of a surface with a unit normal (x right, y up, z to the viewer). */
export function surfaceColor(kind: Surface, base: Triple, n: Triple): Triple {
  const shine = Math.max(dot(n, HALFWAY), 0);
  if (kind === 'plastic') {
    const light = 0.45 + 0.75 * Math.max(dot(n, LAMP), 0);
    const gloss = 0.55 * shine ** 60 + 0.1 * shine ** 8 + 0.1 * (1 - n[2]) ** 3;
    return [base[0] * light + gloss, base[1] * light + gloss, base[2] * light + gloss];
  }
  // what is mirrored: a bright ceiling, a darker floor, and a window
  const up = 2 * n[2] * n[1];
  const window = ramp(dot(n, HALFWAY), 0.93, 0.985);
  if (kind === 'metal') {
    const light = 0.42 + 0.75 * ramp(up, -0.5, 0.75) - 0.22 * ramp(up, -0.1, -0.6);
    return [base[0] * light + 0.75 * window, base[1] * light + 0.72 * window, base[2] * light + 0.6 * window];
  }
  const streak = ramp(n[0] * 0.8 + n[1] * 0.6, -0.02, 0.16) * ramp(0.34, n[0] * 0.8 + n[1] * 0.6, 0.5);
  const glint = 0.1 * streak + 0.35 * window + 0.16 * (1 - n[2]) + 0.04 * ramp(up, -0.2, 0.6);
  return [base[0] * glint, base[1] * glint, base[2] * glint];
}

/** The picture of a ball of a surface, for three.js's matcap material. */
export function matcap(kind: Surface, base: Triple): DataTexture {
  const data = new Uint8Array(4 * SIDE * SIDE);
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      let [x, y] = [((column + 0.5) / SIDE) * 2 - 1, ((row + 0.5) / SIDE) * 2 - 1];
      const length = Math.hypot(x, y);
      if (length > 0.999) [x, y] = [(0.999 * x) / length, (0.999 * y) / length];
      const color = surfaceColor(kind, base, [x, y, Math.sqrt(1 - x * x - y * y)]);
      const levels = color.map((value) => Math.round(255 * Math.min(Math.max(value, 0), 1)));
      data.set([...levels, 255], 4 * (row * SIDE + column));
    }
  }
  const texture = new DataTexture(data, SIDE, SIDE, RGBAFormat);
  texture.colorSpace = SRGBColorSpace;
  texture.minFilter = texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}
