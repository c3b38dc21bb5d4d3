/** The openings of a face, which the membrane closes: both eyes and the mouth. How far they are open. */
import { MEMBRANE, type Layout } from './layout.js';

const MIDDLE = 0.5; // share of an opening's width, around its middle, in which its height is measured

/** The rims of one opening in a map, as flat indices of texels. */
export interface Opening {
  /** Upper and lower rim, from one end to the other, in the middle of the opening. */
  upper: Int32Array;
  lower: Int32Array;
  ends: [number, number];
}

const openingsOf = new WeakMap<Layout, Opening[]>();

/** The right eye, the left eye and the mouth of a layout. RangeError if its membrane has not three parts. */
export function openings(layout: Layout): Opening[] {
  let found = openingsOf.get(layout);
  if (!found) {
    const parts = membraneParts(layout);
    if (parts.length !== 3) throw new RangeError(`the membrane of this layout has ${parts.length} parts, not 3`);
    const { size } = layout;
    const row = (part: number[]): number => meanOf(part.map((texel) => Math.floor(texel / size)));
    const column = (part: number[]): number => meanOf(part.map((texel) => texel % size));
    const [one, two, mouth] = parts.sort((a, b) => row(a) - row(b)); // the mouth is lowest
    const eyes = [one, two].sort((a, b) => column(a) - column(b));
    found = [...eyes, mouth].map((part) => openingOf(part, size));
    openingsOf.set(layout, found);
  }
  return found;
}

/**
 * How far the right eye, the left eye and the mouth are open: height over width; 0 is closed.
 *
 * @param map size x size x 3, in the face frame
 * @param layout of the map
 */
export function openness(map: ArrayLike<number>, layout: Layout): Float64Array {
  return Float64Array.from(openings(layout), ({ upper, lower, ends: [right, left] }) => {
    let height = 0;
    upper.forEach((texel, k) => (height += (map[3 * texel + 1] - map[3 * lower[k] + 1]) / upper.length));
    const width = Math.hypot(...[0, 1, 2].map((k) => map[3 * right + k] - map[3 * left + k]));
    return Math.max(height, 0) / Math.max(width, 1e-6); // lids may cross: that is closed
  });
}

/** The texels of each connected part of the membrane. */
function membraneParts(layout: Layout): number[][] {
  const { kind, size } = layout;
  const seen = new Set<number>();
  const parts: number[][] = [];
  for (let start = 0; start < kind.length; start++) {
    if (kind[start] !== MEMBRANE || seen.has(start)) continue;
    const part = [start];
    seen.add(start);
    for (const texel of part) {
      const column = texel % size;
      const neighbours = [texel - size, texel + size];
      if (column > 0) neighbours.push(texel - 1);
      if (column < size - 1) neighbours.push(texel + 1);
      for (const next of neighbours) {
        if (kind[next] !== MEMBRANE || seen.has(next)) continue;
        seen.add(next);
        part.push(next);
      }
    }
    parts.push(part);
  }
  return parts;
}

function openingOf(part: number[], size: number): Opening {
  const rows = new Map<number, number[]>(); // of each column
  for (const texel of part) {
    const column = texel % size;
    rows.set(column, [...(rows.get(column) ?? []), Math.floor(texel / size)]);
  }
  const columns = [...rows.keys()].sort((a, b) => a - b);
  const [first, last] = [columns[0], columns[columns.length - 1]];
  const rest = ((1 - MIDDLE) / 2) * (last - first);
  const middle = columns.filter((column) => column >= first + rest && column <= last - rest);
  const rim = (pick: (...values: number[]) => number): Int32Array =>
    Int32Array.from(middle, (column) => pick(...(rows.get(column) ?? [])) * size + column);
  const end = (column: number): number => Math.floor(median(rows.get(column) ?? [])) * size + column;
  return { upper: rim(Math.min), lower: rim(Math.max), ends: [end(first), end(last)] };
}

function meanOf(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
