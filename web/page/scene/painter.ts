/** Draws what has changed, at most once for each picture of the screen, and tells how long that takes. */

/** Milliseconds between two drawings in software, at most: a large photo takes seconds, and a camera may follow. */
const MAX_WAIT = 700;

/** How much of the processor's time drawing may take, where there is no graphics card. */
export interface Pace {
  /** Share of the time, 0 to 1. */
  share: number;
  /** Calls back when what was drawn is there. */
  finish: (then: () => void) => void;
  /** Is told when a drawing was asked for, and when there is none to be waited for. */
  busy?: (isBusy: boolean) => void;
}

export class Painter {
  private waiting = false;
  private drawing = false;
  private again = false; // asked for while a drawing was not finished
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
    if (this.drawing) this.again = true;
    if (this.waiting || this.drawing || this.stopped) return;
    this.waiting = true;
    this.pace?.busy?.(true);
    const wait = this.earliest - performance.now();
    if (wait > 0) setTimeout(() => requestAnimationFrame(this.paint), wait);
    else requestAnimationFrame(this.paint);
  };

  stop(): void {
    this.stopped = true;
  }

  private readonly paint = (time: number): void => {
    this.waiting = false;
    if (this.stopped) return;
    this.drawing = true;
    this.again = false;
    const start = performance.now();
    const more = this.draw(time);
    if (this.pace) this.pace.finish(() => this.finished(start, more));
    else this.finished(start, more);
  };

  private finished(start: number, more: boolean): void {
    const end = performance.now();
    this.drawing = false;
    this.told(end - start);
    if (this.pace) this.earliest = end + Math.min((end - start) * (1 / this.pace.share - 1), MAX_WAIT);
    if (more || this.again) this.invalidate();
    else this.pace?.busy?.(false);
  }
}
