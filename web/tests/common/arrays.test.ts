import { describe, expect, test } from 'vitest';
import { readArrays } from '../../src/common/arrays';
import { FaceError } from '../../src/types';
import { readPackageFile } from '../read-vectors';

/** A file as `web_container.py` writes it, of a header and data. */
function file(header: object | string, data: number[], magic = 'LPRA', version = 1): ArrayBuffer {
  let text = typeof header === 'string' ? header : JSON.stringify(header);
  text = text.padEnd(text.length + ((16 - ((12 + text.length) % 16)) % 16));
  const bytes = new Uint8Array(12 + text.length + data.length);
  const encoder = new TextEncoder();
  bytes.set(encoder.encode(magic));
  new DataView(bytes.buffer).setUint32(4, version, true);
  new DataView(bytes.buffer).setUint32(8, text.length, true);
  bytes.set(encoder.encode(text), 12);
  bytes.set(data, 12 + text.length);
  return bytes.buffer;
}

const entry = { dtype: 'uint16', shape: [2, 1], offset: 8 };
const data = [9, 9, 9, 9, 9, 9, 9, 9, 1, 2, 255, 255];

describe('a file of arrays', () => {
  test('gives views with shape and meta', () => {
    const buffer = file({ arrays: { a: entry }, meta: { size: 3 } }, data);
    const arrays = readArrays(buffer);
    expect(arrays.names).toEqual(['a']);
    expect([...arrays.uint16('a')]).toEqual([513, 65535]);
    expect(arrays.shape('a')).toEqual([2, 1]);
    expect(arrays.meta).toEqual({ size: 3 });
    expect(arrays.array('a').buffer).toBe(buffer);
    expect(arrays.has('b')).toBe(false);
  });

  test('of Python is read', () => {
    const arrays = readPackageFile('face.bin');
    expect(arrays.shape('kind')).toEqual([128, 64]);
    expect(arrays.float64('box_map')).toHaveLength(52);
    expect(arrays.meta.size).toBe(128);
  });

  test('refuses another dtype and unknown names', () => {
    const arrays = readArrays(file({ arrays: { a: entry }, meta: {} }, data));
    expect(() => arrays.float32('a')).toThrow(/"a" has dtype uint16, not float32/);
    expect(() => arrays.uint16('b')).toThrow(/no array "b"; there are a/);
  });

  const good = { arrays: { a: entry }, meta: {} };
  const damaged: [string, ArrayBuffer, RegExp][] = [
    ['an empty file', new ArrayBuffer(0), /only 0 bytes/],
    ['another kind of file', file(good, data, 'GIF8'), /does not begin with "LPRA"/],
    ['another version', file(good, data, 'LPRA', 2), /version 2/],
    ['a truncated header', file(good, data).slice(0, 40), /header is truncated/],
    ['truncated data', file(good, data.slice(0, -1)), /"a" ends beyond the file/],
    ['no JSON', file('{"arrays":', data), /not JSON/],
    ['no arrays', file({ meta: {} }, data), /no "arrays"/],
    ['a list', file('[1, 2]', data), /not an object/],
    ['an unknown dtype', file({ arrays: { a: { ...entry, dtype: 'float16' } } }, data), /unknown dtype float16/],
    ['a dtype of every object', file({ arrays: { a: { ...entry, dtype: 'toString' } } }, data), /unknown dtype/],
    ['a negative shape', file({ arrays: { a: { ...entry, shape: [-1] } } }, data), /no valid shape/],
    ['an uneven offset', file({ arrays: { a: { ...entry, offset: 4 } } }, data), /no valid offset/],
    ['an enormous shape', file({ arrays: { a: { ...entry, shape: [2 ** 40, 2 ** 40] } } }, data), /ends beyond/],
  ];
  test.each(damaged)('with %s is damaged', (_, buffer, message) => {
    expect(() => readArrays(buffer)).toThrow(message);
    try {
      readArrays(buffer);
    } catch (error) {
      expect(error).toBeInstanceOf(FaceError);
      expect((error as FaceError).code).toBe('damaged');
    }
  });
});
