/**
 * The mesh of a position map: neighbouring texels are joined, and the mesh is cut along a smooth line near its border,
 * because the mesh of all texels ends in the steps of the grid.
 */

/** A mesh whose vertices lie at texels or between two of them. */
export interface CutMesh {
  /** The texel of each vertex, or the one on the inner side of the line. */
  inner: Int32Array;
  /** The texel on the outer side of the line; the same as `inner` where a vertex is at a texel. */
  outer: Int32Array;
  /** How far a vertex is on its way from the inner to the outer texel, 0 to 1. */
  share: Float32Array;
  /** Triangles x 3, numbers of vertices. */
  triangles: Int32Array;
}

/**
 * Triangles that join neighbours among the texels of a map, counter-clockwise from outside.
 *
 * Each cell between four texels is cut along a diagonal. The diagonals of the right half mirror those of the left.
 *
 * @param mask size x size: not 0 where a texel belongs to the mesh
 * @param size texels a side
 * @returns triangles x 3, flat indices of texels
 */
export function gridTriangles(mask: Uint8Array, size: number): number[] {
  const found: number[] = [];
  for (const left of [true, false]) {
    const lists: number[][] = [[], [], [], []];
    for (let row = 0; row < size - 1; row++) {
      const columns = left ? [0, size >> 1] : [size >> 1, size - 1];
      for (let column = columns[0]; column < columns[1]; column++) {
        const a = row * size + column;
        const b = a + size;
        if (left) addCell(lists, mask, a, b, b + 1, a + 1);
        else addCell(lists, mask, a + 1, a, b, b + 1);
      }
    }
    for (const list of lists) for (const texel of list) found.push(texel);
  }
  return found;
}

/** The triangles of one cell; its diagonal goes from the first to the third texel if both belong to the mesh. */
function addCell(
  lists: number[][],
  mask: Uint8Array,
  first: number,
  second: number,
  third: number,
  fourth: number,
): void {
  if (mask[first] && mask[third]) {
    if (mask[second]) lists[0].push(first, second, third);
    if (mask[fourth]) lists[1].push(first, third, fourth);
  } else if (mask[second] && mask[fourth]) {
    // a cell at the border that lacks one end of its diagonal still has the triangle of the other three texels
    if (mask[third]) lists[2].push(second, third, fourth);
    if (mask[first]) lists[3].push(fourth, first, second);
  }
}

/**
 * Cut a mesh where a function of its texels changes its sign, and keep the positive part.
 *
 * @param level the function, of every texel; new vertices lie where it is 0, if it is linear along each edge
 * @param triangles triangles x 3, flat indices of texels
 */
export function cutMesh(level: ArrayLike<number>, triangles: number[]): CutMesh {
  const { whole, one, two } = sortTriangles(level, triangles);
  const edges = new Map<number, number>(); // inner * texels + outer: the vertex on this edge
  const texels = level.length;
  const edge = (inner: number, outer: number): number => inner * texels + outer;
  for (let i = 0; i < one.length; i += 3) {
    edges.set(edge(one[i], one[i + 1]), 0).set(edge(one[i], one[i + 2]), 0);
  }
  for (let i = 0; i < two.length; i += 3) {
    edges.set(edge(two[i + 1], two[i]), 0).set(edge(two[i + 2], two[i]), 0);
  }
  const onLine = [...edges.keys()].sort((a, b) => a - b);
  const number = new Int32Array(texels).fill(-1); // the vertex at each texel
  for (const texel of whole) number[texel] = 0;
  for (const key of onLine) number[Math.floor(key / texels)] = 0;
  const kept: number[] = [];
  number.forEach((value, texel) => {
    if (value === 0) kept.push(texel);
  });
  onLine.forEach((key, k) => edges.set(key, kept.length + k));
  kept.forEach((texel, k) => (number[texel] = k));
  const vertex = (inner: number, outer: number): number => edges.get(edge(inner, outer)) ?? 0;
  const parts: number[][] = [whole.map((texel) => number[texel]), [], [], []];
  for (let i = 0; i < one.length; i += 3) {
    const [corner, a, b] = one.slice(i, i + 3);
    parts[1].push(number[corner], vertex(corner, a), vertex(corner, b));
  }
  for (let i = 0; i < two.length; i += 3) {
    const [outside, a, b] = two.slice(i, i + 3);
    parts[2].push(number[a], number[b], vertex(b, outside));
    parts[3].push(number[a], vertex(b, outside), vertex(a, outside));
  }
  const inner = new Int32Array(kept.concat(onLine.map((key) => Math.floor(key / texels))));
  const outer = new Int32Array(kept.concat(onLine.map((key) => key % texels)));
  const share = new Float32Array(inner.length);
  for (let k = kept.length; k < share.length; k++) {
    share[k] = level[inner[k]] / (level[inner[k]] - level[outer[k]]);
  }
  return { inner, outer, share, triangles: new Int32Array(parts[0].concat(...parts.slice(1))) };
}

/** Triangles inside the line, and those with one and two corners inside, the corner on its own side in front. */
function sortTriangles(
  level: ArrayLike<number>,
  triangles: number[],
): { whole: number[]; one: number[]; two: number[] } {
  const [whole, one, two]: number[][] = [[], [], []];
  for (let i = 0; i < triangles.length; i += 3) {
    const [a, b, c] = [triangles[i], triangles[i + 1], triangles[i + 2]];
    const count = Number(level[a] > 0) + Number(level[b] > 0) + Number(level[c] > 0);
    if (count === 3) whole.push(a, b, c);
    if (count !== 1 && count !== 2) continue;
    const alone = (texel: number): boolean => level[texel] > 0 === (count === 1);
    // the orientation stays
    const turned = alone(a) ? [a, b, c] : alone(b) ? [b, c, a] : [c, a, b];
    (count === 1 ? one : two).push(...turned);
  }
  return { whole, one, two };
}
