/** Draws what has changed, once for each picture of the screen, and tells how long that takes. */

export class Painter {
  private waiting = false;
  private stopped = false;

  /**
   * @param draw draws, and returns whether it wants to be called again at once (something moves)
   * @param told gets the milliseconds of each drawing
   */
  constructor(
    private readonly draw: (time: number) => boolean,
    private readonly told: (milliseconds: number) => void = () => undefined,
  ) {}

  /** Ask for a drawing. */
  readonly invalidate = (): void => {
    if (this.waiting || this.stopped) return;
    this.waiting = true;
    requestAnimationFrame((time) => {
      this.waiting = false;
      const start = performance.now();
      const more = this.draw(time);
      this.told(performance.now() - start);
      if (more) this.invalidate();
    });
  };

  stop(): void {
    this.stopped = true;
  }
}
