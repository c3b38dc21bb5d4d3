/**
 * Linear modes of a mirror-symmetric face, by half.
 *
 * A mode has an even part, which is its own mirror image, and an odd one, which is the opposite of it. Both are known by
 * their left halves, so that products take half the time. Two expressions that mirror each other share their parts.
 */

/** How far a mode moves the texels of the left half, m x 3; a part that is 0 is null. */
export interface Mode {
  even: Float32Array | null;
  odd: Float32Array | null;
  /** Whether it is the mirror image: the odd part counts negatively. */
  isMirrored?: boolean;
}

/** Indices, of n texels, of those in the left half, and the mirror image of each of these. */
interface Halves {
  left: Int32Array;
  right: Int32Array;
}

/** The halves of texels (n), whose flat indices are symmetric about the middle of a map. */
export function halvesOf(texels: Int32Array, size: number): Halves {
  const place = new Map(Array.from(texels, (texel, k) => [texel, k]));
  const left = Int32Array.from(texels.keys()).filter((k) => texels[k] % size < size / 2);
  const mirrored = (texel: number): number => texel - (texel % size) + size - 1 - (texel % size);
  return { left, right: left.map((k) => place.get(mirrored(texels[k])) as number) };
}

/** Where the parts of a mode are in the banks; -1 where a part is 0. */
interface Place {
  even: number;
  odd: number;
  sign: 1 | -1;
}

/** Many modes, n x 3 each. */
export class SymmetricModes {
  private readonly banks = { even: [] as Float32Array[], odd: [] as Float32Array[] }; // each part once
  private readonly places: Place[];

  constructor(
    modes: readonly Mode[],
    private readonly halves: Halves,
  ) {
    const added = (bank: Float32Array[], part: Float32Array | null): number => {
      if (!part) return -1;
      const known = bank.indexOf(part);
      return known < 0 ? bank.push(part) - 1 : known;
    };
    this.places = modes.map(({ even, odd, isMirrored }) => ({
      even: added(this.banks.even, even),
      odd: added(this.banks.odd, odd),
      sign: isMirrored ? -1 : 1,
    }));
  }

  /** Number of modes. */
  get length(): number {
    return this.places.length;
  }

  /**
   * The scalar products of modes with a movement.
   *
   * @param movement n x 3
   * @param start the first mode
   */
  products(movement: Float32Array, start = 0): Float64Array {
    const folded = this.fold(movement);
    const found = { even: new Map<number, number>(), odd: new Map<number, number>() }; // of each part once
    const partProduct = (kind: 'even' | 'odd', k: number): number => {
      if (k < 0) return 0;
      const known = found[kind].get(k);
      if (known !== undefined) return known;
      const value = product(this.banks[kind][k], folded[kind]);
      found[kind].set(k, value);
      return value;
    };
    const out = new Float64Array(this.places.length - start);
    for (let k = 0; k < out.length; k++) {
      const { even, odd, sign } = this.places[start + k];
      out[k] = partProduct('even', even) + sign * partProduct('odd', odd);
    }
    return out;
  }

  /**
   * The modes from `start` on, each less a sum of the modes before it.
   *
   * @param weights start x the rest: of the modes before it, those of one mode in a column. They have the symmetry of the
   *   modes: the weight of an odd mode in two modes that mirror each other differs by its sign alone
   * @param start the first mode that is kept
   */
  less(weights: Float64Array, start: number): SymmetricModes {
    const rest = this.places.length - start;
    const made = { even: new Map<number, Float32Array>(), odd: new Map<number, Float32Array>() }; // each part once
    const part = (kind: 'even' | 'odd', column: number): Float32Array | null => {
      const { [kind]: place, sign } = this.places[start + column];
      if (place < 0) return null;
      const known = made[kind].get(place);
      if (known) return known;
      const sums = new Float64Array(this.banks[kind].length);
      sums[place] = 1;
      for (let k = 0; k < start; k++) {
        const before = this.places[k][kind];
        if (before >= 0) sums[before] -= (kind === 'odd' ? sign : 1) * weights[k * rest + column];
      }
      const sum = Float32Array.from(weightedSum(this.banks[kind], sums, 3 * this.halves.left.length));
      made[kind].set(place, sum);
      return sum;
    };
    const modes = Array.from({ length: rest }, (_, column) => ({
      even: part('even', column),
      odd: part('odd', column),
      isMirrored: this.places[start + column].sign < 0,
    }));
    return new SymmetricModes(modes, this.halves);
  }

  /** The scalar products (modes x modes) of all modes with one another. */
  gram(): Float64Array {
    const { places } = this;
    const [even, odd] = [gramMatrix(this.banks.even), gramMatrix(this.banks.odd)];
    const [evenCount, oddCount] = [this.banks.even.length, this.banks.odd.length];
    const n = places.length;
    const out = new Float64Array(n * n);
    places.forEach((a, i) => {
      places.forEach((b, j) => {
        // even and odd parts are orthogonal; each half counts
        if (a.even >= 0 && b.even >= 0) out[i * n + j] += 2 * even[a.even * evenCount + b.even];
        if (a.odd >= 0 && b.odd >= 0) out[i * n + j] += 2 * a.sign * b.sign * odd[a.odd * oddCount + b.odd];
      });
    });
    return out;
  }

  /**
   * A shape moved by modes, each by its weight.
   *
   * @param shape n x 3; it is not changed
   * @param weights of the modes from `start` on, as many as there are
   * @param start the first mode
   */
  move(shape: Float32Array, weights: ArrayLike<number>, start = 0): Float32Array {
    const sums = { even: new Float64Array(this.banks.even.length), odd: new Float64Array(this.banks.odd.length) };
    for (let k = 0; k < weights.length; k++) {
      const { even, odd, sign } = this.places[start + k];
      if (even >= 0) sums.even[even] += weights[k];
      if (odd >= 0) sums.odd[odd] += sign * weights[k];
    }
    const { left, right } = this.halves;
    const even = weightedSum(this.banks.even, sums.even, 3 * left.length);
    const odd = weightedSum(this.banks.odd, sums.odd, 3 * left.length);
    const out = new Float32Array(shape.length);
    for (let k = 0, i = 0; k < left.length; k++) {
      const [p, q] = [3 * left[k], 3 * right[k]];
      for (let axis = 0; axis < 3; axis++, i++) {
        const mirrored = even[i] - odd[i];
        out[p + axis] = shape[p + axis] + even[i] + odd[i];
        out[q + axis] = axis ? shape[q + axis] + mirrored : shape[q] - mirrored;
      }
    }
    return out;
  }

  /** What the even and the odd parts see of a movement (n x 3): the sum and the difference of its halves. */
  private fold(movement: Float32Array): { even: Float32Array; odd: Float32Array } {
    const { left, right } = this.halves;
    const [even, odd] = [new Float32Array(3 * left.length), new Float32Array(3 * left.length)];
    for (let k = 0, i = 0; k < left.length; k++) {
      const [p, q] = [3 * left[k], 3 * right[k]];
      for (let axis = 0; axis < 3; axis++, i++) {
        const mirrored = axis ? movement[q + axis] : -movement[q];
        even[i] = movement[p + axis] + mirrored;
        odd[i] = movement[p + axis] - mirrored;
      }
    }
    return { even, odd };
  }
}

/**
 * The scalar products (n x n) of vectors of one length. Most of the time to load a fitter goes into this, so blocks of
 * the vectors are multiplied, which stay in the processor's cache.
 */
export function gramMatrix(rows: readonly Float32Array[]): Float64Array {
  const n = rows.length;
  const length = n ? rows[0].length : 0;
  const block = 512;
  const out = new Float64Array(n * n);
  for (let start = 0; start < length; start += block) {
    const parts = rows.map((row) => row.subarray(start, start + block));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) out[i * n + j] += product(parts[i], parts[j]);
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) out[j * n + i] = out[i * n + j];
  }
  return out;
}

/** The scalar product of two vectors. Four sums do not wait for one another, so this is faster than one sum. */
function product(a: Float32Array, b: Float32Array): number {
  const n = a.length;
  let p = 0;
  let q = 0;
  let r = 0;
  let s = 0;
  let k = 0;
  for (; k + 3 < n; k += 4) {
    p += a[k] * b[k];
    q += a[k + 1] * b[k + 1];
    r += a[k + 2] * b[k + 2];
    s += a[k + 3] * b[k + 3];
  }
  for (; k < n; k++) p += a[k] * b[k];
  return p + q + (r + s);
}

/** The sum of vectors of a length, each times its weight; four at once, to go through the sum less often. */
function weightedSum(rows: readonly Float32Array[], weights: Float64Array, length: number): Float64Array {
  const out = new Float64Array(length);
  const used = [...rows.keys()].filter((k) => weights[k] !== 0);
  const nothing = new Float32Array(length);
  for (let k = 0; k < used.length; k += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((i) => rows[used[k + i]] ?? nothing);
    const [p, q, r, s] = [0, 1, 2, 3].map((i) => weights[used[k + i]] ?? 0);
    for (let i = 0; i < length; i++) out[i] += p * a[i] + q * b[i] + r * c[i] + s * d[i];
  }
  return out;
}
