/** What a person's face at rest looks like to the closer look, learned over a video. */
import type { SeenWeights } from '../reconstruction/expressions.js';

const RISE_SECONDS = 20; // in which a resting weight follows a weight above it
const FALL_SECONDS = 0.5; // in which it follows one below it
const GAZE = 'eyeLook'; // weights of a direction, which has no rest

/** A larger weight is an expression, however long it lasts. */
export const MAX_RESTING = 0.3;

/**
 * The weight of each expression that a person has at rest: one that keeps coming back, and is small.
 *
 * A face whose mouth points up at rest is a small smile to a network. After some seconds it counts as 0.
 */
export class RestingFace {
  /** The weight at rest, by name, of each expression that was seen. */
  readonly weights = new Map<string, number>();

  /**
   * Learn from the weights of a frame.
   *
   * @param seen weights, 0 to 1, by name
   * @param dt seconds since the last frame
   * @returns the same weights beside the face at rest
   */
  update(seen: SeenWeights, dt: number): Record<string, number> {
    const out: Record<string, number> = {};
    for (const [name, weight] of Object.entries(seen)) {
      let rest = this.weights.get(name) ?? 0;
      if (!name.startsWith(GAZE)) {
        const share = 1 - Math.exp(-dt / (weight > rest ? RISE_SECONDS : FALL_SECONDS));
        rest = Math.min(rest + share * (weight - rest), MAX_RESTING);
        this.weights.set(name, rest);
      }
      out[name] = weightBeside(weight, rest);
    }
    return out;
  }
}

/** The weight of an expression of somebody in whom a face at rest has another weight: 0 at rest, 1 stays 1. */
export function weightBeside(weight: number, atRest: number): number {
  return Math.max(weight - atRest, 0) / Math.max(1 - atRest, 1e-6);
}
