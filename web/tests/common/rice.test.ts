import { describe, expect, test } from 'vitest';
import { RiceReader } from '../../src/common/rice';

/** The bytes of bits, the lowest first. */
function bytesOf(bits: string): Uint8Array {
  const digits = bits.replaceAll(' ', '');
  const out = new Uint8Array(Math.ceil(digits.length / 8));
  [...digits].forEach((digit, k) => (out[k >> 3] |= Number(digit) << (k & 7)));
  return out;
}

describe('Rice codes', () => {
  test('are read by the bit', () => {
    // -5 is 9, and its low bits with parameter 2 are 1, 0; 3 is 6; 0 is 0; -1 is 1
    const reader = new RiceReader(bytesOf('110 10  1110 0  0  10'));
    expect(reader.isAtEnd).toBe(false);
    expect([reader.read(2), reader.read(1), reader.read(0), reader.read(0)]).toEqual([-5, 3, 0, -1]);
    expect(reader.isAtEnd).toBe(true);
  });

  test('that end in the middle of a number are refused', () => {
    expect(() => new RiceReader(bytesOf('11111111')).read(0)).toThrow(RangeError);
    expect(() => new RiceReader(bytesOf('11111110')).read(1)).toThrow(RangeError);
    expect(() => new RiceReader(new Uint8Array(0)).read(0)).toThrow(RangeError);
  });
});
