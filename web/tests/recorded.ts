/** Networks whose answers Python recorded: each with a small picture of its crop, by which it is found again. */
import type { ArrayFile } from '../src/common/arrays';
import type { Model } from '../src/reconstruction/lprnet';

const SIDE = 8; // of the small pictures
const TOLERANCE = 0.01; // of their values, in a range of 1 or 2: crops may differ by a grey level in some pixels

/** A network that gives the recorded answer to a crop; an Error if Python never asked for this crop. */
export class RecordedModel implements Model {
  /** How often each answer was given. */
  readonly uses: number[] = [];
  private readonly signatures: Float32Array;
  private readonly outputs: Float32Array[] = [];
  private readonly count: number;

  /**
   * @param file with the answers
   * @param name of the network in the file
   */
  constructor(
    file: ArrayFile,
    private readonly name: string,
  ) {
    const stated = `${name} signatures`;
    this.count = file.has(stated) ? file.shape(stated)[0] : 0;
    this.signatures = this.count ? file.float32(stated) : new Float32Array(0);
    for (let k = 0; file.has(`${name} output ${k}`); k++) this.outputs.push(file.float32(`${name} output ${k}`));
    this.uses = new Array<number>(this.count).fill(0);
  }

  run(inputs: Float32Array[]): Promise<Float32Array[]> {
    const signature = smallPicture(inputs[0]);
    const distances = Array.from({ length: this.count }, (_, k) => this.distance(signature, k));
    const nearest = Math.min(...distances);
    if (!(nearest < TOLERANCE)) {
      throw new Error(`Python never asked ${this.name} for this crop: the nearest one differs by ${nearest}`);
    }
    // where Python asked for the same crop twice, one answer after the other
    const same = [...distances.keys()].filter((k) => distances[k] - nearest < 1e-6);
    const k = same.reduce((least, other) => (this.uses[other] < this.uses[least] ? other : least));
    this.uses[k]++;
    return Promise.resolve(
      this.outputs.map((values) => {
        const length = values.length / this.count;
        return values.slice(k * length, (k + 1) * length);
      }),
    );
  }

  private distance(signature: Float64Array, k: number): number {
    let largest = 0;
    signature.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - this.signatures[k * signature.length + i]));
    });
    return largest;
  }
}

/** A crop, side x side x 3, averaged over blocks: 8 x 8 x 3. */
function smallPicture(crop: Float32Array): Float64Array {
  const side = Math.sqrt(crop.length / 3);
  const block = side / SIDE;
  const out = new Float64Array(SIDE * SIDE * 3);
  for (let row = 0, i = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const k = 3 * (SIDE * Math.floor(row / block) + Math.floor(column / block));
      for (let channel = 0; channel < 3; channel++, i++) out[k + channel] += crop[i];
    }
  }
  return out.map((sum) => sum / (block * block));
}
