/** Small dense linear algebra. Matrices are flat, row by row, in double precision. */

/** The product (rows x columns) of matrices (rows x inner) and (inner x columns). */
export function multiply(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  rows: number,
  inner: number,
  columns: number,
): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const value = a[i * inner + k];
      for (let j = 0; j < columns; j++) out[i * columns + j] += value * b[k * columns + j];
    }
  }
  return out;
}

/** The product (rows) of a matrix (rows x columns) and a vector (columns). */
export function matVec(
  matrix: ArrayLike<number>,
  vector: ArrayLike<number>,
  rows: number,
  columns: number,
): Float64Array {
  const out = new Float64Array(rows);
  for (let i = 0, k = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++, k++) sum += matrix[k] * vector[j];
    out[i] = sum;
  }
  return out;
}

/** The transpose (columns x rows) of a matrix (rows x columns). */
export function transpose(matrix: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j];
  }
  return out;
}

/** The scalar product of two vectors of the same length. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The mean of all values; NaN if there are none. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/**
 * Solve `matrix x = right` by Gaussian elimination with partial pivoting.
 *
 * @param matrix n x n; it is not changed
 * @param right n, or n x columns
 * @param n number of equations
 * @param columns number of right-hand sides
 * @returns x, of the shape of `right`
 * @throws RangeError if the matrix is singular or has values that are not finite
 */
export function solve(matrix: ArrayLike<number>, right: ArrayLike<number>, n: number, columns = 1): Float64Array {
  if (matrix.length !== n * n || right.length !== n * columns) {
    throw new RangeError(`${matrix.length} and ${right.length} values are no system of ${n} equations`);
  }
  const a = Float64Array.from(matrix);
  const x = Float64Array.from(right);
  for (let k = 0; k < n; k++) {
    const pivot = pivotRow(a, n, k);
    swapRows(a, n, k, pivot);
    swapRows(x, columns, k, pivot);
    for (let i = k + 1; i < n; i++) {
      const factor = a[i * n + k] / a[k * n + k];
      if (factor === 0) continue;
      for (let j = k + 1; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
      for (let j = 0; j < columns; j++) x[i * columns + j] -= factor * x[k * columns + j];
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let j = 0; j < columns; j++) {
      let sum = x[i * columns + j];
      for (let k = i + 1; k < n; k++) sum -= a[i * n + k] * x[k * columns + j];
      x[i * columns + j] = sum / a[i * n + i];
    }
  }
  return x;
}

/** The row with the largest value of a column, at or below the diagonal. */
function pivotRow(a: Float64Array, n: number, column: number): number {
  let best = column;
  for (let i = column + 1; i < n; i++) {
    if (Math.abs(a[i * n + column]) > Math.abs(a[best * n + column])) best = i;
  }
  const size = Math.abs(a[best * n + column]);
  if (!(size > 0) || !Number.isFinite(size)) throw new RangeError('the matrix is singular or not finite');
  return best;
}

function swapRows(a: Float64Array, columns: number, first: number, second: number): void {
  if (first === second) return;
  for (let j = 0; j < columns; j++) {
    const value = a[first * columns + j];
    a[first * columns + j] = a[second * columns + j];
    a[second * columns + j] = value;
  }
}

/** The inverse (n x n) of a matrix (n x n). RangeError if it is singular. */
export function invert(matrix: ArrayLike<number>, n: number): Float64Array {
  const identity = new Float64Array(n * n);
  for (let i = 0; i < n; i++) identity[i * n + i] = 1;
  return solve(matrix, identity, n, n);
}

/** The determinant of a 3 x 3 matrix. */
export function determinant3(m: ArrayLike<number>): number {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

/** Singular values, largest first, and vectors: `matrix = u diag(values) v^T`, all 3 x 3; columns are vectors. */
export interface SVD3 {
  u: Float64Array;
  values: Float64Array;
  v: Float64Array;
}

const JACOBI_SWEEPS = 30; // it converges quadratically: five or six are needed
const JACOBI_TOLERANCE = 1e-15; // of the cosine between two columns
const ZERO_VALUE = 1e-12; // of the largest singular value: a smaller one has no direction of its own

/** The singular value decomposition of a 3 x 3 matrix, by one-sided Jacobi rotations. */
export function svd3(matrix: ArrayLike<number>): SVD3 {
  const a = Float64Array.from(matrix);
  const v = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  for (let sweep = 0; sweep < JACOBI_SWEEPS; sweep++) {
    const rotated = [orthogonalise(a, v, 0, 1), orthogonalise(a, v, 0, 2), orthogonalise(a, v, 1, 2)];
    if (!rotated.includes(true)) break;
  }
  const lengths = [0, 1, 2].map((j) => Math.hypot(a[j], a[3 + j], a[6 + j]));
  const order = [0, 1, 2].sort((i, j) => lengths[j] - lengths[i]);
  const out: SVD3 = { u: new Float64Array(9), values: new Float64Array(3), v: new Float64Array(9) };
  order.forEach((from, to) => {
    out.values[to] = lengths[from];
    for (let i = 0; i < 3; i++) {
      out.u[3 * i + to] = lengths[from] > 0 ? a[3 * i + from] / lengths[from] : 0;
      out.v[3 * i + to] = v[3 * i + from];
    }
  });
  completeBasis(out.u, out.values);
  return out;
}

/** Rotate columns p and q of `a` and `v` so that those of `a` are orthogonal; false if they were. */
function orthogonalise(a: Float64Array, v: Float64Array, p: number, q: number): boolean {
  let pp = 0;
  let qq = 0;
  let pq = 0;
  for (let i = 0; i < 9; i += 3) {
    pp += a[i + p] * a[i + p];
    qq += a[i + q] * a[i + q];
    pq += a[i + p] * a[i + q];
  }
  if (!(Math.abs(pq) > JACOBI_TOLERANCE * Math.sqrt(pp * qq))) return false;
  const zeta = (qq - pp) / (2 * pq);
  const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
  const c = 1 / Math.hypot(1, t);
  const s = c * t;
  for (const m of [a, v]) {
    for (let i = 0; i < 9; i += 3) {
      const left = m[i + p];
      m[i + p] = c * left - s * m[i + q];
      m[i + q] = s * left + c * m[i + q];
    }
  }
  return true;
}

/** Make the columns of `u` that belong to singular values of 0 orthonormal to the others. */
function completeBasis(u: Float64Array, values: Float64Array): void {
  const least = ZERO_VALUE * values[0];
  if (!(values[0] > 0)) setColumn(u, 0, [1, 0, 0]);
  if (!(values[1] > least)) {
    // the axis that is farthest from the first column, made orthogonal to it
    const first = [u[0], u[3], u[6]];
    const sizes = first.map(Math.abs);
    const axis = sizes.indexOf(Math.min(...sizes));
    const away = first.map((value, i) => (i === axis ? 1 : 0) - first[axis] * value);
    const length = Math.hypot(...away);
    setColumn(
      u,
      1,
      away.map((value) => value / length),
    );
  }
  if (!(values[2] > least)) {
    setColumn(u, 2, [u[3] * u[7] - u[6] * u[4], u[6] * u[1] - u[0] * u[7], u[0] * u[4] - u[3] * u[1]]);
  }
}

function setColumn(u: Float64Array, column: number, values: number[]): void {
  for (let i = 0; i < 3; i++) u[3 * i + column] = values[i];
}

/** A sparse matrix by rows: row i has `values` and their `columns` from `starts[i]` to before `starts[i + 1]`. */
export interface SparseMatrix {
  starts: Int32Array;
  columns: Int32Array;
  values: Float32Array;
}

/**
 * The product of a sparse matrix and a dense one.
 *
 * @param matrix rows x n
 * @param dense n x channels, flat
 * @param channels columns of `dense`
 * @returns rows x channels
 */
export function sparseTimes(matrix: SparseMatrix, dense: ArrayLike<number>, channels: number): Float32Array {
  const { starts, columns, values } = matrix;
  const rows = starts.length - 1;
  const out = new Float32Array(rows * channels);
  for (let i = 0; i < rows; i++) {
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      for (let k = starts[i]; k < starts[i + 1]; k++) sum += values[k] * dense[columns[k] * channels + channel];
      out[i * channels + channel] = sum;
    }
  }
  return out;
}
