/** A video that Python tracked: its frames, what the networks answered in turn, and the faces that were found. */
import { expect } from 'vitest';
import type { ArrayFile } from '../../src/common/arrays';
import type { Picture } from '../../src/geometry/crop';
import { BlazeFace } from '../../src/reconstruction/blazeface';
import { CloserLooker } from '../../src/reconstruction/closer-look';
import { FaceDetector } from '../../src/reconstruction/detection';
import { LPRNet, type Model } from '../../src/reconstruction/lprnet';
import { Regions } from '../../src/uv/regions';
import { faceLayout, readPackageFile, readVectors, tell } from '../read-vectors';

const CROP_SIDE = 32; // of a crop that was asked about, so many pixels a side were kept
const MAX_LEVELS = 2; // between a pixel that Python's network saw and the same here
const MEAN_LEVELS = 0.2; // the same on average over a crop

/** How answers are found: in the order in which Python's network gave them, or by the crop alone. */
export type Order = 'in order' | 'any order';

/** A network that gives the recorded answers; it expects the crops that Python's network saw. */
export class RecordedModel implements Model {
  /** How many answers were given. */
  asked = 0;
  /** How many answers there are. */
  readonly count: number;
  /** Grey levels, between the crops of both: the largest, and the largest mean of a crop. */
  readonly away = { most: 0, mean: 0 };
  private readonly crops: Uint8Array;
  private readonly outputs: Float32Array[] = [];

  /**
   * @param file with the answers
   * @param name of the network in the file
   * @param order in which it is asked
   */
  constructor(
    file: ArrayFile,
    private readonly name: string,
    private readonly order: Order,
  ) {
    const stated = `${name} crops`;
    this.count = file.has(stated) ? file.shape(stated)[0] : 0;
    this.crops = this.count ? file.uint8(stated) : new Uint8Array(0);
    for (let k = 0; file.has(`${name} output ${k}`); k++) {
      const values = file.array(`${name} output ${k}`);
      this.outputs.push(values instanceof Float32Array ? values : decoded(values, file));
    }
  }

  run([input]: Float32Array[]): Promise<Float32Array[]> {
    const levels = keptPixels(input, this.name);
    const k = this.order === 'in order' ? this.asked : this.nearest(levels);
    expect(this.asked, `calls of ${this.name}`).toBeLessThan(this.order === 'in order' ? this.count : Infinity);
    this.asked++;
    const { most, mean } = this.difference(levels, k);
    this.away.most = Math.max(this.away.most, most);
    this.away.mean = Math.max(this.away.mean, mean);
    expect(most, `grey levels, call ${k} of ${this.name}`).toBeLessThanOrEqual(MAX_LEVELS);
    expect(mean, `mean of grey levels, call ${k} of ${this.name}`).toBeLessThan(MEAN_LEVELS);
    return Promise.resolve(
      this.outputs.map((values) => {
        const length = values.length / this.count;
        return values.slice(k * length, (k + 1) * length);
      }),
    );
  }

  private nearest(levels: Float32Array): number {
    const means = Array.from({ length: this.count }, (_, k) => this.difference(levels, k).mean);
    return means.indexOf(Math.min(...means));
  }

  private difference(levels: Float32Array, k: number): { most: number; mean: number } {
    const kept = this.crops.subarray(k * levels.length, (k + 1) * levels.length);
    let [most, sum] = [0, 0];
    levels.forEach((level, i) => {
      const away = Math.abs(level - kept[i]);
      most = Math.max(most, away);
      sum += away;
    });
    return { most: Math.round(most), mean: sum / levels.length };
  }
}

/** Answers of the large network, which are stored in 16 bits. */
function decoded(codes: ArrayLike<number>, file: ArrayFile): Float32Array {
  const [low, high] = file.meta.mapRange as [number, number];
  return Float32Array.from(codes, (code) => (code / 65535) * (high - low) + low);
}

/** The pixels of a network's input that Python kept, as grey levels. */
function keptPixels(input: Float32Array, name: string): Float32Array {
  const side = Math.sqrt(input.length / 3);
  const step = Math.max(Math.floor(side / CROP_SIDE), 1);
  const isDetector = name === 'back' || name === 'short'; // their input is -1 to 1
  const out: number[] = [];
  for (let row = 0; row < side; row += step) {
    for (let column = 0; column < side; column += step) {
      for (let channel = 0; channel < 3; channel++) {
        const value = input[3 * (row * side + column) + channel];
        out.push(Math.round(isDetector ? (value + 1) * 127.5 : 255 * value)); // as in the file
      }
    }
  }
  return Float32Array.from(out);
}

/** A face as Python found it. */
export interface Fact {
  id: number;
  look: number;
  confidence: number;
}

/** What is needed to track a recorded video. */
export interface Run {
  file: ArrayFile;
  net: LPRNet;
  looker: CloserLooker;
  models: Record<string, RecordedModel>;
  /** Each frame with the seconds since the last one. */
  frames: { picture: Picture; dt: number }[];
  /** The faces in each frame. */
  faces: Fact[][];
}

/** A recorded video; `video_NAME.bin` has it. */
export function readRun(name: string, order: Order = 'in order'): Run {
  const file = readVectors(`video_${name}.bin`);
  const layout = faceLayout();
  const names = ['back', 'short', 'open', 'eye', 'mouth'];
  const models = Object.fromEntries(names.map((model) => [model, new RecordedModel(file, model, order)]));
  const face = readPackageFile('face.bin');
  const { doubt } = face.meta.model as { doubt?: [number, number] };
  const [coarse, fine] = [new BlazeFace(models.back, 'back'), new BlazeFace(models.short, 'short')];
  const detector = new FaceDetector(coarse, fine, face.float64('box_map'));
  const dt = file.float64('dt');
  return {
    file,
    net: new LPRNet(layout, models.open, detector, { doubt }),
    looker: new CloserLooker(layout, new Regions(layout), models.eye, models.mouth),
    models,
    frames: Array.from(file.int32('numbers'), (number, k) => ({ picture: frameOf(file, number), dt: dt[k] })),
    faces: file.meta.faces as Fact[][],
  };
}

function frameOf(file: ArrayFile, number: number): Picture {
  const [, height, width] = file.shape('pictures');
  const rgb = file.uint8('pictures').subarray(3 * number * width * height);
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return { width, height, data };
}

/** Every network was asked for all that Python's was asked for. */
export function expectAllAsked(run: Run): void {
  for (const [name, { asked, count, away }] of Object.entries(run.models)) {
    expect(asked, `calls of ${name}`).toBe(count);
    tell(`crops of ${name}, grey levels, most`, away.most);
    tell(`crops of ${name}, grey levels, mean`, away.mean);
  }
}
