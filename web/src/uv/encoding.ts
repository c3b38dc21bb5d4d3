/** Encoding of position maps: from the output range of the network to pixels. */

/** Sides of the crop that the unit interval of the network covers. */
export const SPAN = 2.2;

/**
 * Decode the network's output.
 *
 * @param code size x size x 3: x and y are 0.5 + (p - c) / (2.2 size) with c = (size - 1) / 2, z is 0.5 + z / (2.2 size)
 * @param size texels a side, and pixels a side of the crop
 * @returns size x size x 3: the position map in pixels of the crop
 */
export function decodeMap(code: Float32Array, size: number): Float32Array {
  const unit = SPAN * size;
  const middle = (size - 1) / 2;
  const out = new Float32Array(code.length);
  for (let i = 0; i < code.length; i += 3) {
    out[i] = (code[i] - 0.5) * unit + middle;
    out[i + 1] = (code[i + 1] - 0.5) * unit + middle;
    out[i + 2] = (code[i + 2] - 0.5) * unit;
  }
  return out;
}
