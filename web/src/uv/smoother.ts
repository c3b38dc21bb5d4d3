/** A Gaussian blur of position maps that averages valid texels only. */

const SIGMA = 1.0; // texels; held-out landmarks lose no accuracy by it
const RADIUS = 3; // of the kernel, texels: 3 sigma

export class Smoother {
  private readonly kernel: Float32Array; // from its middle to its end
  private readonly inverse: Float32Array; // 1 / the blurred mask
  private readonly padded: Float32Array; // one row with a border of zeros
  private readonly rows: Float32Array; // all rows, blurred to the side, with a border of zeros

  /**
   * @param size texels a side
   * @param mask 1 for each valid texel, else 0
   * @param nearest flat index of the valid texel nearest to each texel; the result has its value there
   */
  constructor(
    private readonly size: number,
    private readonly mask: Uint8Array,
    private readonly nearest: Int32Array,
  ) {
    const weights = Array.from({ length: RADIUS + 1 }, (_, k) => Math.exp(-((k / SIGMA) ** 2) / 2));
    const total = weights.reduce((sum, weight, k) => sum + (k ? 2 : 1) * weight, 0);
    this.kernel = Float32Array.from(weights, (weight) => weight / total);
    this.padded = new Float32Array(3 * (size + 2 * RADIUS));
    this.rows = new Float32Array(3 * size * (size + 2 * RADIUS));
    this.inverse = new Float32Array(size * size);
    const blurred = this.blur(new Float32Array(3 * size * size).fill(1));
    for (let i = 0; i < size * size; i++) this.inverse[i] = 1 / Math.max(blurred[3 * i], 1e-6);
  }

  /** A smoothed copy of a position map, size x size x 3. */
  smooth(map: Float32Array): Float32Array {
    const blurred = this.blur(map);
    const { inverse, nearest } = this;
    const out = new Float32Array(map.length);
    for (let i = 0, k = 0; i < nearest.length; i++, k += 3) {
      const source = nearest[i];
      const p = 3 * source;
      const scale = inverse[source];
      out[k] = blurred[p] * scale;
      out[k + 1] = blurred[p + 1] * scale;
      out[k + 2] = blurred[p + 2] * scale;
    }
    return out;
  }

  /** The sum of the valid texels around each texel, weighted by the kernel; beyond the map there is nothing. */
  private blur(map: Float32Array): Float32Array {
    const { size, rows } = this;
    const length = 3 * size;
    for (let row = 0; row < size; row++) this.blurRow(map, row);
    const [k0, k1, k2, k3] = this.kernel;
    const out = new Float32Array(map.length);
    for (let i = 0, p = RADIUS * length; i < out.length; i++, p++) {
      out[i] =
        k0 * rows[p] +
        k1 * (rows[p - length] + rows[p + length]) +
        k2 * (rows[p - 2 * length] + rows[p + 2 * length]) +
        k3 * (rows[p - 3 * length] + rows[p + 3 * length]);
    }
    return out;
  }

  /** One row of the map, without its invalid texels, blurred to the side, into `rows`. */
  private blurRow(map: Float32Array, row: number): void {
    const { size, mask, padded, rows } = this;
    const [k0, k1, k2, k3] = this.kernel;
    for (let column = 0, k = 3 * RADIUS, i = row * size; column < size; column++, i++, k += 3) {
      const valid = mask[i];
      padded[k] = valid * map[3 * i];
      padded[k + 1] = valid * map[3 * i + 1];
      padded[k + 2] = valid * map[3 * i + 2];
    }
    const end = 3 * (size + RADIUS);
    for (let k = 3 * RADIUS, out = 3 * size * (row + RADIUS); k < end; k++, out++) {
      rows[out] =
        k0 * padded[k] +
        k1 * (padded[k - 3] + padded[k + 3]) +
        k2 * (padded[k - 6] + padded[k + 6]) +
        k3 * (padded[k - 9] + padded[k + 9]);
    }
  }
}
