/** The One-Euro filter. */

/** What a {@link OneEuro} is set to. */
export interface OneEuroOptions {
  /** Hz. A lower value makes a still face steadier, and the filter slower to settle; 0.3 by default. */
  minCutoff?: number;
  /** Hz for a speed of one unit a second. A lower value makes movement steadier and later; 5 by default. */
  beta?: number;
  /** Hz, for the speed, which is smoothed first; 1 by default. */
  dCutoff?: number;
}

/**
 * The One-Euro filter: slow movement is smoothed a lot, fast movement little, so that it is hardly late.
 *
 * It is a low-pass filter with a cutoff frequency that grows with speed: `minCutoff + beta * speed`. Each track needs a
 * filter of its own. Frames may be unevenly spaced. Each point has one speed, the length of its velocity, so that a
 * turning face keeps its shape. Each single number, such as an expression weight, has its own speed.
 *
 * G. Casiez, N. Roussel and D. Vogel, 1 Euro filter: a simple speed-based low-pass filter for noisy input in interactive
 * systems, CHI 2012. As there, speed is measured from the last smoothed values. There it starts at 0, so that a movement
 * at the start of a track is followed late; here it starts as the mean of the first speeds.
 */
export class OneEuro {
  minCutoff: number;
  beta: number;
  readonly dCutoff: number;
  private values: Float64Array | null = null;
  private velocity = new Float64Array(0);
  private dimension = 1;
  private age = 0; // seconds since the first values

  /** RangeError if a cutoff is not positive, or beta is negative. */
  constructor({ minCutoff = 0.3, beta = 5, dCutoff = 1 }: OneEuroOptions = {}) {
    if (!(minCutoff > 0 && dCutoff > 0 && beta >= 0)) {
      throw new RangeError(
        `cutoffs are positive and beta at least 0, got minCutoff ${minCutoff}, beta ${beta}, dCutoff ${dCutoff}`,
      );
    }
    this.minCutoff = minCutoff;
    this.beta = beta;
    this.dCutoff = dCutoff;
  }

  /** Forget the track: the next values begin another one. */
  reset(): void {
    this.values = null;
  }

  /**
   * The smoothed values; the first ones come back unchanged.
   *
   * @param values n x dimension, flat
   * @param dimension 2 or 3 for points, which have one speed each; 1 for numbers that have their own
   * @param dt seconds since the last values
   * @param unit unit of length for speeds. For points in pixels take the face's size, so that near and far faces are
   *   smoothed alike
   * @returns n x dimension, a copy
   * @throws RangeError if the values are not finite or have another shape than before, or `dt` or `unit` is not positive
   */
  smooth(values: ArrayLike<number>, dimension: 1 | 2 | 3, dt: number, unit = 1): Float64Array {
    if (!allFinite(values) || !(dt > 0 && dt < Infinity && unit > 0)) {
      throw new RangeError(
        `values must be finite, dt and unit positive; got dt ${dt}, unit ${unit}; reset after a gap`,
      );
    }
    if (!this.values) {
      this.values = Float64Array.from(values);
      this.velocity = new Float64Array(values.length);
      this.dimension = dimension;
      this.age = 0;
      return this.values.slice();
    }
    if (values.length !== this.values.length || dimension !== this.dimension) {
      const before = `${this.values.length} values of dimension ${this.dimension}`;
      throw new RangeError(`got ${values.length} values of dimension ${dimension}, before ${before}; reset`);
    }
    this.age += dt;
    this.advance(this.values, values, dt, 1 / (dt * unit));
    return this.values.slice();
  }

  /** Move `state`, the last smoothed values, toward the new ones. */
  private advance(state: Float64Array, values: ArrayLike<number>, dt: number, perUnit: number): void {
    const { velocity, dimension } = this;
    const share = Math.max(newValueWeight(this.dCutoff, dt), dt / this.age);
    for (let i = 0; i < state.length; i += dimension) {
      let square = 0;
      for (let k = i; k < i + dimension; k++) {
        velocity[k] += share * ((values[k] - state[k]) * perUnit - velocity[k]);
        square += velocity[k] * velocity[k];
      }
      const weight = newValueWeight(this.minCutoff + this.beta * Math.sqrt(square), dt);
      for (let k = i; k < i + dimension; k++) state[k] += weight * (values[k] - state[k]);
    }
  }
}

/** Weight of the new value in a low-pass filter with this cutoff in Hz. */
function newValueWeight(cutoff: number, dt: number): number {
  const turns = 2 * Math.PI * cutoff * dt;
  return turns / (1 + turns);
}

function allFinite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
