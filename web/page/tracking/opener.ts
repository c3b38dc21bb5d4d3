/** Opens sources: photos that take long to be read, cameras that are asked for. The newest choice of the reader counts. */

/** A source that has come. */
export interface Ready {
  /** Show it in place of the present one. */
  show(): void;
  /** Free it: something else was chosen meanwhile. */
  drop(): void;
}

export interface OpenerEvents {
  /** Whether something is being opened. */
  onBusy(busy: boolean): void;
  /** What was chosen last does not come: the present source goes on. */
  onError(error: unknown): void;
}

export class Opener {
  private newest = 0;
  private opening = false;

  constructor(private readonly events: OpenerEvents) {}

  /** Whether something is being opened. */
  get busy(): boolean {
    return this.opening;
  }

  /**
   * Open a source, and show it if nothing else was chosen until it has come.
   *
   * @param prepare gets the source; the present one goes on meanwhile
   */
  async open(prepare: () => Promise<Ready>): Promise<void> {
    const turn = ++this.newest;
    this.setBusy(true);
    try {
      const ready = await prepare();
      if (turn === this.newest) ready.show();
      else ready.drop();
    } catch (error) {
      if (turn === this.newest) this.events.onError(error);
    } finally {
      if (turn === this.newest) this.setBusy(false);
    }
  }

  private setBusy(busy: boolean): void {
    this.opening = busy;
    this.events.onBusy(busy);
  }
}
