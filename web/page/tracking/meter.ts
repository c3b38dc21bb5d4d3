/** Frames a second and milliseconds by part, over the last seconds. */

const WINDOW = 30;
const SETTLING = 0.15;

/** Counts frames; the rate is that of the last {@link WINDOW} of them. */
export class RateMeter {
  private times: number[] = [];

  /** Forget what was counted, when the source changes. */
  reset(): void {
    this.times = [];
  }

  /** A frame was finished at this time, in milliseconds. */
  tick(time: number): void {
    this.times.push(time);
    if (this.times.length > WINDOW) this.times.shift();
  }

  /** Frames a second; 0 before two frames. */
  get rate(): number {
    const n = this.times.length;
    const span = n > 1 ? this.times[n - 1] - this.times[0] : 0;
    return span > 0 ? (1000 * (n - 1)) / span : 0;
  }
}

/** Milliseconds of named parts; each follows its new values slowly, so that the numbers can be read. */
export class PartMeter {
  readonly parts = new Map<string, number>();

  reset(): void {
    this.parts.clear();
  }

  add(part: string, milliseconds: number): void {
    const before = this.parts.get(part);
    const next = before === undefined ? milliseconds : before + SETTLING * (milliseconds - before);
    this.parts.set(part, next);
  }
}
