/** The light on a face, estimated from its colours: spherical harmonics up to order 2, as `viewer/effects.py` has it. */

/** Ramamoorthi and Hanrahan, SIGGRAPH 2001: constants of the spherical harmonics. */
const C = [0.282095, 0.488603, 1.092548, 0.315392, 0.546274] as const;
const ROUNDS = 5;
const RIDGE = 3e-2;

/** The nine functions at a unit normal (y up, z toward the camera). */
export function harmonicsAt(x: number, y: number, z: number): number[] {
  const [a, b, c, d, e] = C;
  return [a, b * y, b * z, b * x, c * x * y, c * y * z, d * (3 * z * z - 1), c * x * z, e * (x * x - y * y)];
}

/**
 * Coefficients (9) of the light on skin of one colour. Brows, lips and hair fit badly, so they count little: least
 * squares that are weighted anew a few times.
 *
 * @param basis rows of {@link harmonicsAt}, n
 * @param brightness linear, n
 * @returns null where there are too few samples
 */
export function fitHarmonics(basis: readonly (readonly number[])[], brightness: readonly number[]): number[] | null {
  if (basis.length < 60) return null;
  const weights = new Float64Array(basis.length).fill(1);
  let found = new Array<number>(9).fill(0);
  for (let round = 0; round < ROUNDS; round++) {
    const matrix = Array.from({ length: 9 }, (_, i) => {
      const row = new Array<number>(9).fill(0);
      if (i > 0) row[i] = RIDGE * basis.length;
      return row;
    });
    const right = new Array<number>(9).fill(0);
    basis.forEach((row, k) => {
      for (let i = 0; i < 9; i++) {
        const weighted = weights[k] * row[i];
        right[i] += weighted * brightness[k];
        for (let j = 0; j < 9; j++) matrix[i][j] += weighted * row[j];
      }
    });
    found = solve(matrix, right);
    const residuals = basis.map((row, k) => Math.abs(dot(row, found) - brightness[k]));
    const scale = 2 * median(residuals) + 1e-6;
    residuals.forEach((residual, k) => (weights[k] = 1 / (1 + (residual / scale) ** 2)));
  }
  return found;
}

export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, k) => sum + value * b[k], 0);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Solve a small linear system by Gauss's elimination with row exchange; both arguments are used up. */
export function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(matrix[i][k]) > Math.abs(matrix[pivot][k])) pivot = i;
    [matrix[k], matrix[pivot]] = [matrix[pivot], matrix[k]];
    [right[k], right[pivot]] = [right[pivot], right[k]];
    for (let i = k + 1; i < n; i++) {
      const factor = matrix[i][k] / matrix[k][k];
      for (let j = k; j < n; j++) matrix[i][j] -= factor * matrix[k][j];
      right[i] -= factor * right[k];
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = k + 1; j < n; j++) right[k] -= matrix[k][j] * right[j];
    right[k] /= matrix[k][k];
  }
  return right;
}
