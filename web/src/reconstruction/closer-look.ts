/** A closer look at eyes and mouth: crops at the photo's own resolution correct the map, and show irises and gaze. */
import { sparseTimes } from '../common/linear.js';
import { similarityAlignment2 } from '../geometry/camera.js';
import { warpLevels, type Picture } from '../geometry/crop.js';
import { pointsAt } from '../geometry/points.js';
import { FaceError } from '../types.js';
import type { Layout } from '../uv/layout.js';
import type { Frame, Region, Regions } from '../uv/regions.js';
import type { Model } from './lprnet.js';
import { joinRegions, REGION_EXPRESSIONS, SEEN_EXPRESSIONS } from './seen-expressions.js';

// units and middles of what follows the points in a network's answer: iris x, y and radius, gaze, confidence
export const EXTRAS_UNIT = [0.1, 0.1, 0.05, 1, 1, 1, 1].map(Math.fround);
export const EXTRAS_MIDDLE = [0, 0, 0.09, 0, 0, 0, 0].map(Math.fround);
const GAZE = 3; // the first of its three numbers
const CONFIDENCE = 6;
const SIDE_RANGE = [20, 36] as const; // pixels of the photo that a crop is wide: nothing is trusted, and all
const CONFIDENCE_RANGE = [0.35, 0.75] as const; // of the network: the first map stays, and the answer counts fully

/**
 * Of the shift, turn and scale in the picture between the first map's regions and the corrected ones: how much of it
 * the rest of the face takes over.
 */
export const FOLLOW = 0.6;
const FOLLOW_STEP = 4; // they are fitted to every fourth texel of the regions' cores: brows move for themselves

/** What a closer look found at the right eye, the left eye and the mouth. */
export interface Look {
  /** 3, 0 to 1: how far the map was moved to what was seen; 0 leaves it exactly as it was. */
  confidence: Float64Array;
  /** 2 x 3: x and y of the centre, and the radius, in pixels of the photo. */
  irises: Float64Array;
  /** 2 x 3: unit vectors, x to the photo's right, y up, z toward the camera. */
  gaze: Float64Array;
  /** The position map before the closer look. */
  firstMap: Float32Array;
  /** 43 weights, 0 to 1, of `SEEN_EXPRESSIONS`; NaN for those whose region is not seen. */
  expressions: Float64Array;
}

/** The answer of a network for one region. */
interface Answer {
  /** P x 3: how far the region's grid moves, in coordinates of its crop. */
  moves: Float32Array;
  /** 7: iris, gaze, confidence before the sigmoid. */
  extras: number[];
  /** Weights of the region's expressions. */
  shown: Float32Array;
}

/** How far the texels of a map moved; no two regions overlap. */
interface Movement {
  /** Texels x 3, weighted. */
  moves: Float64Array;
  /** Texels: the weights. */
  weights: Float64Array;
}

/** Looks again at position maps, by networks for an eye and the mouth. */
export class CloserLooker {
  /** Texels whose common move the rest of the face follows. */
  private readonly followed: Int32Array;

  /**
   * @param layout of the maps
   * @param regions of the layout
   * @param eye takes a crop of 64 x 64 x 3, RGB, 0 to 1, and the eye's grid, P x 3
   * @param mouth the same for a crop of 96 x 96 x 3
   */
  constructor(
    private readonly layout: Layout,
    private readonly regions: Regions,
    private readonly eye: Model,
    private readonly mouth: Model,
  ) {
    const cores = Int32Array.from(new Set(regions.all.flatMap((region) => Array.from(region.core)))).sort();
    this.followed = cores.filter((_, k) => k % FOLLOW_STEP === 0);
  }

  /**
   * Correct a position map by what the photo shows.
   *
   * @param picture the photo
   * @param map in the photo frame; it is not changed
   * @returns the corrected map, whose depth is not centred, and what was seen
   * @throws FaceError `damaged` if a network answers another number of values
   */
  async look(picture: Picture, map: Float32Array): Promise<{ map: Float32Array; look: Look }> {
    const camera = this.layout.camera(map);
    const texels = map.length / 3;
    const movement = { moves: new Float64Array(3 * texels), weights: new Float64Array(texels) };
    const irises = new Float64Array(6);
    const gaze = new Float64Array(6);
    const confidence = new Float64Array(3);
    const expressions: Float32Array[] = [];
    for (const [k, region] of this.regions.all.entries()) {
      const frame = region.frame(map, camera);
      const answer = await this.ask(picture, k, frame, map);
      expressions.push(answer.shown);
      confidence[k] = trust(answer.extras[CONFIDENCE], frame.side);
      if (confidence[k]) addMoves(movement, region, frame, answer.moves, confidence[k]);
      if (k < 2) {
        irises.set(irisOf(answer.extras, frame), 3 * k);
        gaze.set(gazeOf(answer.extras, frame), 3 * k);
      }
    }
    const moved = moveTexels(map, movement, confidence, this.followed);
    const shown = joinRegions(expressions, confidence);
    return { map: moved, look: { confidence, irises, gaze, firstMap: map, expressions: shown } };
  }

  /** The answer of the network of the k-th region for its crop. */
  private async ask(picture: Picture, k: number, frame: Frame, map: Float32Array): Promise<Answer> {
    const region = this.regions.all[k];
    const crop = warpLevels(picture, frame.matrix(region.size), region.size);
    for (let i = 0; i < crop.length; i++) crop[i] /= 255;
    const grid = Float32Array.from(frame.into(pointsAt(map, region.grid)));
    const [values] = await (region.name === 'mouth' ? this.mouth : this.eye).run([crop, grid]);
    const [points, extras] = [grid.length, EXTRAS_UNIT.length];
    const expected = points + extras + REGION_EXPRESSIONS[k].length;
    if (values?.length !== expected) {
      const got = `${values?.length} values for the ${region.name}, not ${expected}`;
      throw new FaceError('damaged', `A network of the closer look answers ${got}: another version made it.`);
    }
    return {
      moves: values.subarray(0, points),
      extras: EXTRAS_UNIT.map((unit, i) => values[points + i] * unit + EXTRAS_MIDDLE[i]),
      shown: values.subarray(points + extras),
    };
  }
}

/** The weights of the expressions that a look saw, by name. */
export function seenWeights(look: Look): Record<string, number> {
  const weights = SEEN_EXPRESSIONS.map((name, k) => [name, look.expressions[k]] as const);
  return Object.fromEntries(weights.filter(([, weight]) => Number.isFinite(weight)));
}

/**
 * How far, 0 to 1, an answer counts.
 *
 * @param answer its confidence before the sigmoid
 * @param side of the crop, in pixels of the photo
 */
export function trust(answer: number, side: number): number {
  const sure = 1 / (1 + Math.exp(-clip(answer, -30, 30)));
  return share(sure, CONFIDENCE_RANGE) * share(side, SIDE_RANGE);
}

/** Where a value lies in a range: 0 at or below its start, 1 at or beyond its end. */
function share(value: number, [low, high]: readonly [number, number]): number {
  return clip((value - low) / (high - low), 0, 1);
}

function clip(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Adds how far a region's texels move, in pixels of the photo, when its grid moves by P x 3 coordinates. */
function addMoves(movement: Movement, region: Region, frame: Frame, moves: Float32Array, confidence: number): void {
  const shift = frame.turn(sparseTimes(region.spread, moves, 3));
  region.texels.forEach((texel, k) => {
    const weight = confidence * region.window[k];
    for (let channel = 0; channel < 3; channel++) {
      movement.moves[3 * texel + channel] = weight * shift[3 * k + channel];
    }
    movement.weights[texel] = weight;
  });
}

/** The map after the regions moved. If all of them are seen, the rest of the face follows. */
function moveTexels(
  map: Float32Array,
  { moves, weights }: Movement,
  confidence: Float64Array,
  followed: Int32Array,
): Float32Array {
  const together = confidence.reduce((all, sure) => all * sure, 1);
  const shared = together > 0 ? sharedMove(map, { moves, weights }, followed) : null;
  const out = new Float32Array(map.length);
  for (let k = 0, i = 0; k < weights.length; k++, i += 3) {
    let x = map[i] + moves[i];
    let y = map[i + 1] + moves[i + 1];
    if (shared) {
      const follow = FOLLOW * together * Math.max(1 - weights[k], 0);
      x += follow * (shared[0] * map[i] + shared[1] * map[i + 1] + shared[2]);
      y += follow * (shared[3] * map[i] + shared[4] * map[i + 1] + shared[5]);
    }
    out[i] = x;
    out[i + 1] = y;
    out[i + 2] = map[i + 2] + moves[i + 2];
  }
  return out;
}

/**
 * How far each point of the picture moves by the similarity that the weighted moves of some texels have in common:
 * the matrix (2 x 3) from a point to its move.
 */
function sharedMove(map: Float32Array, { moves, weights }: Movement, rows: Int32Array): Float64Array {
  const before = new Float64Array(2 * rows.length);
  const after = new Float64Array(2 * rows.length);
  rows.forEach((texel, k) => {
    for (let channel = 0; channel < 2; channel++) {
      const value = map[3 * texel + channel];
      before[2 * k + channel] = value;
      after[2 * k + channel] = value + moves[3 * texel + channel] / weights[texel];
    }
  });
  const { scale, rotation, translation } = similarityAlignment2(
    before,
    after,
    Array.from(rows, (texel) => weights[texel]),
  );
  const [a, b, c, d] = rotation.map((value) => scale * value);
  return Float64Array.of(a - 1, b, translation[0], c, d - 1, translation[1]);
}

/** x, y and radius in pixels of the photo. */
function irisOf(extras: number[], frame: Frame): number[] {
  const [x, y] = frame.out([extras[0], extras[1], 0]);
  return [x, y, Math.max(extras[2], 0) * frame.side];
}

/** A unit vector: x to the photo's right, y up, z toward the camera. */
function gazeOf(extras: number[], { axes }: Frame): number[] {
  const [right, down, toward] = extras.slice(GAZE, GAZE + 3);
  const vector = [axes[0] * right + axes[2] * down, -(axes[1] * right + axes[3] * down), toward];
  const length = Math.max(Math.hypot(...vector), 1e-6);
  return vector.map((value) => value / length);
}
