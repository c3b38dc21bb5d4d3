/**
 * The modes of the face model at the texels that a fit reads, from `fit.bin`.
 *
 * The face model is mirror-symmetric, so the file has halves. An identity mode or a symmetric expression has one: the
 * other half is its mirror image, or the opposite of it. An expression of one side has two, which the expression of the
 * other side exchanges. Values are whole numbers of a step, in Rice codes of how far each is from a plane through its
 * neighbours, one axis after the other. An expression moves a part of the face; the file says which texels, one bit
 * each, and has the values of these alone.
 */
import type { ArrayFile } from '../common/arrays.js';
import { RiceReader } from '../common/rice.js';
import { FaceError } from '../types.js';
import type { Layout } from '../uv/layout.js';
import { otherSide } from './seen-expressions.js';
import type { Mode } from './symmetric-modes.js';

const TEXEL_STEP = 2; // the fit reads every second texel in each direction

/** Modes of a face model. */
export interface Modes {
  /** Of the expressions. */
  names: readonly string[];
  identity: Mode[];
  expression: Mode[];
}

/** Flat indices of the texels that the fit reads, symmetric about the middle of the map. */
export function fitTexels({ size, texels }: Layout): Int32Array {
  return texels.filter((texel) => {
    const column = texel % size;
    const fromSide = column < size / 2 ? column : size - 1 - column;
    return Math.floor(texel / size) % TEXEL_STEP === 0 && fromSide % TEXEL_STEP === 0;
  });
}

/**
 * The modes in `fit.bin`.
 *
 * @param file the arrays
 * @param texels of {@link fitTexels}
 * @param size of the layout
 * @throws FaceError `damaged` if arrays are missing, or are for other texels
 */
export function readModes(file: ArrayFile, texels: Int32Array, size: number): Modes {
  const { names, step } = file.meta;
  if (!Array.isArray(names) || !names.every((name): name is string => typeof name === 'string')) {
    throw new FaceError('damaged', 'The file of the face model has no names of expressions.');
  }
  if (typeof step !== 'number') throw new FaceError('damaged', 'The file of the face model has no step.');
  const reader = new HalfReader(
    file,
    texels.filter((texel) => texel % size < size / 2),
    size,
    step,
  );
  const identity = [...file.int8('identity_sign')].map((sign): Mode => {
    const half = reader.whole();
    return sign > 0 ? { even: half, odd: null } : { even: null, odd: half };
  });
  const found = new Map<string, Mode>();
  for (const name of names) found.set(name, readExpression(reader, name, found.get(otherSide(name))));
  if (!reader.isAtEnd) throw misfit();
  return { names, identity, expression: names.map((name) => found.get(name) as Mode) };
}

function readExpression(reader: HalfReader, name: string, other: Mode | undefined): Mode {
  if (other?.odd) return { even: other.even, odd: other.odd, isMirrored: true };
  const left = reader.part();
  if (otherSide(name) === name) return { even: left, odd: null };
  const right = reader.part(); // as it would look on the left
  return {
    even: left.map((value, i) => (value + right[i]) / 2),
    odd: left.map((value, i) => (value - right[i]) / 2),
  };
}

/** Neighbours of a texel among those of a half, as indices; -1 where there is none. */
interface Neighbours {
  before: Int32Array;
  above: Int32Array;
  /** Before the one above. */
  corner: Int32Array;
}

/** Reads halves of modes, one after the other: left-half texels x 3, in mm. */
class HalfReader {
  private readonly count: number; // texels
  private readonly neighbours: Neighbours;
  private readonly moving: Uint8Array; // bits
  private readonly parameters: Uint8Array; // of the codes, for each half and axis
  private readonly code: RiceReader;
  private halves = 0; // that were read
  private masks = 0; // the same of those with a mask

  /**
   * @param file the arrays
   * @param texels flat indices, of the left half
   * @param size of the layout
   * @param step mm of a whole number
   */
  constructor(
    file: ArrayFile,
    texels: Int32Array,
    size: number,
    private readonly step: number,
  ) {
    this.count = texels.length;
    this.neighbours = neighboursOf(texels, size);
    this.moving = file.uint8('moving');
    this.parameters = file.uint8('parameters');
    this.code = new RiceReader(file.uint8('code'));
  }

  /** Whether there is nothing left to read. */
  get isAtEnd(): boolean {
    const { halves, masks, moving, parameters } = this;
    return this.code.isAtEnd && 3 * halves === parameters.length && masks * this.maskBytes === moving.length;
  }

  /** A half of which all texels move. */
  whole(): Float32Array {
    return this.half(new Uint8Array(this.count).fill(1));
  }

  /** A half of which some texels move. */
  part(): Float32Array {
    const start = this.masks++ * this.maskBytes;
    const moves = new Uint8Array(this.count);
    for (let texel = 0; texel < this.count; texel++) {
      moves[texel] = (this.moving[start + (texel >> 3)] >> (texel & 7)) & 1;
    }
    return this.half(moves);
  }

  private get maskBytes(): number {
    return Math.ceil(this.count / 8);
  }

  private half(moves: Uint8Array): Float32Array {
    const out = new Float32Array(3 * this.count);
    try {
      for (let axis = 0; axis < 3; axis++) this.readAxis(moves, axis, out);
    } catch {
      throw misfit(); // beyond the last code
    }
    this.halves++;
    return out;
  }

  /** Reads one axis of a half into `out`. */
  private readAxis(moves: Uint8Array, axis: number, out: Float32Array): void {
    const { neighbours, code, step } = this;
    const { before, above, corner } = neighbours;
    const parameter = this.parameters[3 * this.halves + axis];
    const values = new Int32Array(this.count);
    for (let texel = 0; texel < values.length; texel++) {
      if (!moves[texel]) continue;
      const p = before[texel];
      const q = above[texel];
      const r = corner[texel];
      let expected = 0;
      if (p >= 0) expected = r >= 0 && q >= 0 ? values[p] + values[q] - values[r] : values[p];
      else if (q >= 0) expected = values[q];
      values[texel] = expected + code.read(parameter);
      out[3 * texel + axis] = step * values[texel];
    }
  }
}

function neighboursOf(texels: Int32Array, size: number): Neighbours {
  const place = new Map(Array.from(texels, (texel, k) => [texel, k]));
  // beside the map's left edge there is nothing, not the end of the row above
  const at = (texel: number, back: number, up: number): number =>
    texel % size < back ? -1 : (place.get(texel - back - up * size) ?? -1);
  return {
    before: texels.map((texel) => at(texel, TEXEL_STEP, 0)),
    above: texels.map((texel) => at(texel, 0, TEXEL_STEP)),
    corner: texels.map((texel) => at(texel, TEXEL_STEP, TEXEL_STEP)),
  };
}

function misfit(): FaceError {
  return new FaceError('damaged', 'The modes of the face model do not fit the layout, or are truncated.');
}
