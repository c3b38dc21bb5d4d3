/**
 * A canvas of the page, and the renderer that draws on it.
 *
 * Without a graphics card Chromium waits for the drawing when it puts a WebGL canvas on the screen, and the page stands
 * still meanwhile: no picture of a camera is taken. There the renderer has a canvas of its own that is not in the page,
 * and what it has drawn is copied when it is finished.
 */
import { WebGLRenderer, type Camera, type Scene } from 'three';
import type { Pace } from './painter';
import { drawsInSoftware } from './software';

/** Milliseconds between two questions whether a drawing is finished. */
const POLL = 3;

export class Surface {
  readonly renderer: WebGLRenderer;
  /** What the page shows in software; null on a graphics card, which draws on the page's canvas. */
  private readonly shown: CanvasRenderingContext2D | null;
  private drawn = false; // in software: by the renderer, and not shown yet

  /** @param canvas of the page, @param alpha what is not drawn on is transparent */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    alpha: boolean,
  ) {
    this.shown = drawsInSoftware() ? canvas.getContext('2d', { alpha }) : null;
    this.renderer = this.shown
      ? new WebGLRenderer({ antialias: false, alpha, preserveDrawingBuffer: true })
      : new WebGLRenderer({ canvas, antialias: true, alpha });
  }

  /** Whether the processor draws. */
  get inSoftware(): boolean {
    return this.shown !== null;
  }

  /** The canvas that has the last drawing. */
  get drawing(): HTMLCanvasElement {
    return this.renderer.domElement;
  }

  /**
   * The pace of drawing in software; null on a graphics card.
   *
   * @param share of the processor's time that is for drawing while pictures are followed
   * @param follows whether they are: nothing else needs the time while a photo is looked at
   */
  pace(share: number, follows: () => boolean): Pace | null {
    if (!this.shown) return null;
    return {
      get share() {
        return follows() ? share : 1;
      },
      busy: (isBusy) => this.canvas.toggleAttribute('data-busy', isBusy),
      finish: (then) => {
        if (!this.drawn) {
          then();
          return;
        }
        this.whenDone(() => {
          this.present();
          then();
        });
      },
    };
  }

  /** Pixels of the next drawing. Returns whether they are others than before. */
  resize(width: number, height: number): boolean {
    const { drawing } = this;
    if (drawing.width === width && drawing.height === height) return false;
    this.renderer.setSize(width, height, false);
    return true;
  }

  render(scene: Scene, camera: Camera): void {
    this.renderer.render(scene, camera);
    this.drawn = true;
  }

  /** Show a part of a picture with nothing on it, without WebGL. Only in software. */
  showPicture(picture: CanvasImageSource, part: { x: number; y: number; width: number; height: number }): void {
    const { width, height } = this.fitted();
    this.shown?.drawImage(picture, part.x, part.y, part.width, part.height, 0, 0, width, height);
    this.drawn = false;
  }

  /** Calls back when all that was drawn is there. The page goes on meanwhile. */
  whenDone(then: () => void): void {
    const gl = this.renderer.getContext() as WebGL2RenderingContext;
    const sync = this.shown ? gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0) : null;
    gl.flush();
    const poll = (): void => {
      const waits = sync && !gl.isContextLost() && gl.getSyncParameter(sync, gl.SYNC_STATUS) !== gl.SIGNALED;
      if (waits) {
        setTimeout(poll, POLL);
        return;
      }
      gl.deleteSync(sync);
      then();
    };
    setTimeout(poll, 0);
  }

  private present(): void {
    if (!this.shown) return;
    this.drawn = false;
    this.fitted();
    this.shown.globalCompositeOperation = 'copy';
    this.shown.drawImage(this.drawing, 0, 0);
    this.shown.globalCompositeOperation = 'source-over';
  }

  /** The page's canvas in the size of the drawing: it is emptied only when it is drawn on again. */
  private fitted(): HTMLCanvasElement {
    const { canvas, drawing } = this;
    if (canvas.width !== drawing.width || canvas.height !== drawing.height) {
      Object.assign(canvas, { width: drawing.width, height: drawing.height });
    }
    return canvas;
  }
}
