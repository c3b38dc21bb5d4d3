/**
 * Networks whose kernels are stored as whole numbers in few bits, each output channel with a scale of its own. They are
 * unpacked once, when they are loaded; what runs is the network in float32.
 */
import { FaceError } from '../types.js';
import { readArrays } from './arrays.js';
import { RiceReader } from './rice.js';

/** A kernel: where it stands in the network, and how it is stored. */
interface Part {
  /** First byte in the network. */
  start: number;
  /** Numbers. */
  size: number;
  /** Numbers of one channel that follow one another. */
  run: number;
  /** Of the Rice code. */
  parameter: number;
}

interface Description {
  /** Of the network. */
  bytes: number;
  /** In the order of their places. */
  parts: Part[];
}

/**
 * Unpacks a network.
 *
 * @param data bytes of a file of arrays: `codes 1`, `scale 1`, `codes 2`, ... of the parts, and `rest`, all other bytes
 * @param name for messages
 * @returns the bytes of a `.tflite` file
 * @throws FaceError `damaged` if the parts do not fill the network
 */
export function unpackNetwork(data: ArrayBuffer, name: string): ArrayBuffer {
  const file = readArrays(data);
  const { bytes, parts } = file.meta as unknown as Description;
  const rest = file.uint8('rest');
  const out = new Uint8Array(bytes);
  let place = 0; // in the network
  let read = 0; // of the rest
  parts.forEach((part, k) => {
    const gap = part.start - place;
    out.set(rest.subarray(read, read + gap), place);
    read += gap;
    place = part.start + 4 * part.size;
    unpackKernel(new Float32Array(out.buffer, part.start, part.size), part, {
      codes: file.uint8(`codes ${k + 1}`),
      scale: file.float32(`scale ${k + 1}`),
    });
  });
  if (rest.length - read !== bytes - place) {
    throw new FaceError('damaged', `${name} does not hold a whole network. Copy the package's files again.`);
  }
  out.set(rest.subarray(read), place);
  return out.buffer;
}

function unpackKernel(out: Float32Array, part: Part, stored: { codes: Uint8Array; scale: Float32Array }): void {
  const reader = new RiceReader(stored.codes);
  const { run, parameter } = part;
  const { scale } = stored;
  for (let first = 0, channel = 0; first < out.length; first += run) {
    const step = scale[channel];
    for (let k = first; k < first + run; k++) out[k] = reader.read(parameter) * step;
    channel = channel + 1 < scale.length ? channel + 1 : 0;
  }
}
