/**
 * A file of named arrays, little endian: "LPRA", uint32 version 1, uint32 length of a JSON header, the header padded
 * with spaces so that the data begin at a multiple of 16, then the arrays, each at a multiple of 8.
 * `scripts/assets/web_container.py` writes it.
 */
import { FaceError } from '../types.js';

/** The typed array of each `dtype` that a file may state. */
export interface ArrayKinds {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  uint32: Uint32Array;
  uint8: Uint8Array;
  int8: Int8Array;
  uint16: Uint16Array;
  int16: Int16Array;
}

const CONSTRUCTORS: {
  [K in keyof ArrayKinds]: {
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBuffer, offset: number, length: number): ArrayKinds[K];
  };
} = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
};

const MAGIC = 0x4152504c; // "LPRA", read as a little-endian number
const VERSION = 1;
const HEADER_START = 12;
const DATA_ALIGNMENT = 16;
const ARRAY_ALIGNMENT = 8;

interface Entry {
  dtype: keyof ArrayKinds;
  shape: readonly number[];
  values: ArrayKinds[keyof ArrayKinds];
}

/** The arrays of one file, as views of its buffer: nothing is copied. */
export class ArrayFile {
  constructor(
    private readonly entries: ReadonlyMap<string, Entry>,
    /** What the file states beside its arrays. */
    readonly meta: Record<string, unknown>,
  ) {}

  /** The names of all arrays. */
  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** An array of any type, flat, row by row. FaceError if the file has none of this name. */
  array(name: string): ArrayKinds[keyof ArrayKinds] {
    return this.entry(name).values;
  }

  /** The shape of an array. */
  shape(name: string): readonly number[] {
    return this.entry(name).shape;
  }

  float32(name: string): Float32Array {
    return this.typed(name, 'float32');
  }

  float64(name: string): Float64Array {
    return this.typed(name, 'float64');
  }

  int32(name: string): Int32Array {
    return this.typed(name, 'int32');
  }

  uint32(name: string): Uint32Array {
    return this.typed(name, 'uint32');
  }

  uint8(name: string): Uint8Array {
    return this.typed(name, 'uint8');
  }

  int8(name: string): Int8Array {
    return this.typed(name, 'int8');
  }

  uint16(name: string): Uint16Array {
    return this.typed(name, 'uint16');
  }

  int16(name: string): Int16Array {
    return this.typed(name, 'int16');
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw damaged(`there is no array "${name}"; there are ${this.names.join(', ')}`);
    return entry;
  }

  private typed<K extends keyof ArrayKinds>(name: string, dtype: K): ArrayKinds[K] {
    const entry = this.entry(name);
    if (entry.dtype !== dtype) throw damaged(`array "${name}" has dtype ${entry.dtype}, not ${dtype}`);
    return entry.values as ArrayKinds[K];
  }
}

/**
 * Read a file of arrays.
 *
 * @param buffer all bytes of the file; the arrays are views of it
 * @throws FaceError `damaged` if it is no such file, or is truncated
 */
export function readArrays(buffer: ArrayBuffer): ArrayFile {
  const start = dataStart(buffer);
  const header = readHeader(buffer, start);
  const { arrays, meta } = header;
  if (!isRecord(arrays)) throw damaged('its header has no "arrays"');
  const entries = new Map<string, Entry>();
  for (const [name, stated] of Object.entries(arrays)) entries.set(name, readEntry(buffer, start, name, stated));
  return new ArrayFile(entries, isRecord(meta) ? meta : {});
}

/** Where the data begin; the first bytes are checked. */
function dataStart(buffer: ArrayBuffer): number {
  if (buffer.byteLength < HEADER_START) throw damaged(`it has only ${buffer.byteLength} bytes`);
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== MAGIC) throw damaged('it does not begin with "LPRA"');
  const version = view.getUint32(4, true);
  if (version !== VERSION) throw damaged(`it has version ${version}; this package reads version ${VERSION}`);
  const start = HEADER_START + view.getUint32(8, true);
  if (start > buffer.byteLength) throw damaged('its header is truncated');
  if (start % DATA_ALIGNMENT) throw damaged(`its data begin at byte ${start}, no multiple of ${DATA_ALIGNMENT}`);
  return start;
}

function readHeader(buffer: ArrayBuffer, start: number): Record<string, unknown> {
  const text = new TextDecoder().decode(new Uint8Array(buffer, HEADER_START, start - HEADER_START));
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw damaged(`its header is not JSON: ${String(error)}`);
  }
  if (!isRecord(header)) throw damaged('its header is not an object');
  return header;
}

function readEntry(buffer: ArrayBuffer, start: number, name: string, stated: unknown): Entry {
  if (!isRecord(stated)) throw damaged(`array "${name}" is not described`);
  const { dtype, shape, offset } = stated;
  if (!isDtype(dtype)) throw damaged(`array "${name}" has the unknown dtype ${String(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isCount)) throw damaged(`array "${name}" has no valid shape`);
  if (!isCount(offset) || offset % ARRAY_ALIGNMENT) throw damaged(`array "${name}" has no valid offset`);
  const length = (shape as number[]).reduce((product, n) => product * n, 1);
  const kind = CONSTRUCTORS[dtype];
  if (start + offset + length * kind.BYTES_PER_ELEMENT > buffer.byteLength) {
    throw damaged(`array "${name}" ends beyond the file: it is truncated`);
  }
  return { dtype, shape: shape as number[], values: new kind(buffer, start + offset, length) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isDtype(value: unknown): value is keyof ArrayKinds {
  return typeof value === 'string' && Object.hasOwn(CONSTRUCTORS, value);
}

function damaged(what: string): FaceError {
  return new FaceError('damaged', `A file of arrays cannot be read: ${what}.`);
}
