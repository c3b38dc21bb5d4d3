/** Draws what has changed, at most once for each picture of the screen, and tells how long that takes. */

/** Milliseconds between two drawings in software, at most: a large photo takes seconds, and a camera may follow. */
const MAX_WAIT = 1500;

/** How much of the processor's time drawing may take, where there is no graphics card. */
export interface Pace {
  /** Share of the time, 0 to 1. */
  share: number;
  /** Returns when what was drawn is there. */
  finish: () => void;
}

export class Painter {
  private waiting = false;
  private stopped = false;
  private earliest = -Infinity; // when the next drawing may begin, by `performance.now()`

  /**
   * @param draw draws, and returns whether it wants to be called again at once (something moves)
   * @param told gets the milliseconds of each drawing
   * @param pace limits the share of the time that drawing takes; null for no limit
   */
  constructor(
    private readonly draw: (time: number) => boolean,
    private readonly told: (milliseconds: number) => void = () => undefined,
    private readonly pace: Pace | null = null,
  ) {}

  /** Ask for a drawing. */
  readonly invalidate = (): void => {
    if (this.waiting || this.stopped) return;
    this.waiting = true;
    const wait = this.earliest - performance.now();
    if (wait > 0) setTimeout(() => requestAnimationFrame(this.paint), wait);
    else requestAnimationFrame(this.paint);
  };

  stop(): void {
    this.stopped = true;
  }

  private readonly paint = (time: number): void => {
    if (this.stopped) return;
    this.waiting = false;
    const start = performance.now();
    const more = this.draw(time);
    this.pace?.finish();
    const end = performance.now();
    this.told(end - start);
    if (this.pace) this.earliest = end + Math.min((end - start) * (1 / this.pace.share - 1), MAX_WAIT);
    if (more) this.invalidate();
  };
}
