/**
 * Rice codes: whole numbers that are mostly near 0, in few bits.
 *
 * A number n >= 0 with parameter k is n >> k ones, a zero, and the k low bits of n, the lowest first; a signed number v
 * is first made 2 v, or -2 v - 1 if it is negative. Bits fill bytes from the lowest one on (Rice, Some practical
 * universal noiseless coding techniques, JPL Publication 79-22, 1979).
 */
export class RiceReader {
  private at = 0; // bits that were read

  constructor(private readonly bytes: Uint8Array) {}

  /** Whether all whole bytes were read. */
  get isAtEnd(): boolean {
    return Math.ceil(this.at / 8) === this.bytes.length;
  }

  /** The next signed number. RangeError beyond the last byte. */
  read(parameter: number): number {
    const { bytes } = this;
    const end = 8 * bytes.length;
    let at = this.at;
    let high = 0;
    for (;;) {
      // the bits of a byte that were not read, as ones and zeros from the lowest one on
      const ahead = at < end ? ~(bytes[at >> 3] >> (at & 7)) : 1;
      const ones = Math.min(31 - Math.clz32(ahead & -ahead), 8 - (at & 7));
      high += ones;
      at += ones;
      if (at & 7 || ones === 0) break; // the byte was not ones to its end, or there was none
    }
    at++;
    if (at + parameter > end) throw new RangeError('the code ends in the middle of a number');
    let value = high << parameter;
    const place = at >> 3;
    const word = bytes[place] | (bytes[place + 1] << 8) | (bytes[place + 2] << 16); // undefined counts as 0
    value |= (word >> (at & 7)) & ((1 << parameter) - 1);
    this.at = at + parameter;
    return value & 1 ? -((value + 1) >> 1) : value >> 1;
  }
}
