import { describe, expect, it } from 'vitest';
import { asFaceError } from '../../src/runtime/errors';
import { pixelSize } from '../../src/runtime/picture';
import { buffersOf } from '../../src/runtime/transfer';
import { FaceError } from '../../src/types';

describe('asFaceError', () => {
  it('leaves a FaceError as it is', () => {
    const error = new FaceError('load', 'gone');
    expect(asFaceError(error, 'loading')).toBe(error);
  });

  it.each([
    new RangeError('Array buffer allocation failed'),
    new RangeError('WebAssembly.Memory(): could not allocate memory'),
    new WebAssembly.RuntimeError('Aborted(OOM). Build with -sASSERTIONS for more info.'),
    new Error('out of memory'),
  ])('knows the end of memory: %s', (error) => {
    expect(asFaceError(error, 'loading').code).toBe('memory');
  });

  it('names what failed', () => {
    const error = asFaceError(new TypeError('x is not a function'), 'looking for faces');
    expect(error).toMatchObject({ code: 'internal', message: expect.stringMatching(/looking for faces.*x is not/) });
    expect(asFaceError('a text', 'loading').message).toContain('a text');
  });
});

describe('pixelSize', () => {
  it.each([
    [640, 480, 640, 480],
    [4096, 4096, 4096, 4096],
    [8192, 4096, 4096, 2048],
    [3000, 12000, 1024, 4096],
    [100000, 1, 4096, 1],
  ])('of %d x %d is %d x %d', (width, height, w, h) => {
    expect(pixelSize(width, height)).toEqual([w, h]);
  });
});

describe('buffersOf', () => {
  it('finds each buffer once, however deep', () => {
    const a = new Float32Array(3);
    const b = new Float64Array(2);
    const value = { faces: [{ a, again: a.subarray(1), pose: { b } }], none: null, name: 'x', count: 1 };
    expect(buffersOf(value)).toEqual([a.buffer, b.buffer]);
    expect(buffersOf(undefined)).toEqual([]);
  });

  it('leaves shared memory', () => {
    expect(buffersOf([new Uint8Array(new SharedArrayBuffer(4))])).toEqual([]);
  });
});
