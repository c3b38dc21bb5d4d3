/** Runs the tracker on the present source, and hands on each picture together with its faces. */
import type { FaceTracker, Tracking } from '../../src/index';
import { fittedSize, type Photo, type Size } from '../sources/files';
import type { LiveSource } from '../sources/camera';

/** Longest side of a video's frame, in pixels. */
const MAX_FRAME_SIDE = 1280;
/** Canvases in turn: one is drawn, one is tracked, one receives the next picture. */
const CANVASES = 3;

/** A picture and what was found in it. */
export interface Frame {
  picture: HTMLCanvasElement;
  tracking: Tracking;
  /** The picture's size in its file, or as the camera gave it: `picture` may be smaller. */
  full: Size;
  /** Milliseconds, of `performance.now()`, when the picture was taken. */
  time: number;
  /** Milliseconds that it took to take it. */
  capture: number;
  live: boolean;
}

export interface SessionEvents {
  onFrame(frame: Frame): void;
  onError(error: unknown): void;
}

export class Session {
  private source: LiveSource | null = null;
  private turn = 0;
  private readonly canvases = Array.from({ length: CANVASES }, () => document.createElement('canvas'));

  constructor(
    private readonly tracker: FaceTracker,
    private readonly events: SessionEvents,
  ) {}

  /** End the present source. */
  stop(): void {
    this.turn += 1;
    this.source?.stop();
    this.source = null;
  }

  /** The faces in a photo; the present source goes on meanwhile. */
  async photo({ picture, full }: Photo): Promise<Frame> {
    const tracking = await this.tracker.reconstruct(picture);
    return { picture, tracking, full, time: performance.now(), capture: 0, live: false };
  }

  /** Follow the faces in a video or a camera, in place of the present source, until it is stopped. */
  async live(source: LiveSource): Promise<void> {
    this.stop();
    this.source = source;
    const turn = this.turn;
    try {
      await this.tracker.reset();
      const pictures = new Pictures(source.video);
      for (let k = 0; turn === this.turn; k = (k + 1) % CANVASES) {
        await pictures.next();
        if (turn !== this.turn) return;
        const start = performance.now();
        const full = { width: source.video.videoWidth, height: source.video.videoHeight };
        const picture = this.capture(source.video, full, this.canvases[k]);
        const capture = performance.now() - start;
        const tracking = await this.tracker.track(picture, start);
        if (turn === this.turn) this.events.onFrame({ picture, tracking, full, time: start, capture, live: true });
      }
    } catch (error) {
      if (turn !== this.turn) return;
      this.stop();
      this.events.onError(error);
    }
  }

  private capture(video: HTMLVideoElement, full: Size, canvas: HTMLCanvasElement): HTMLCanvasElement {
    const { width, height } = fittedSize(full, MAX_FRAME_SIDE);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext('2d', { alpha: false })?.drawImage(video, 0, 0, width, height);
    return canvas;
  }
}

/** The pictures of a video, each of which is given once. While a tab is hidden there are none. */
class Pictures {
  private coming: Promise<void>;

  constructor(private readonly video: HTMLVideoElement) {
    this.coming = this.nextShown();
  }

  /** Wait for a picture that was not given yet: one that came since the last call is there already. */
  async next(): Promise<void> {
    await this.coming;
    this.coming = this.nextShown();
  }

  private nextShown(): Promise<void> {
    return new Promise((resolve) => {
      if ('requestVideoFrameCallback' in this.video) this.video.requestVideoFrameCallback(() => resolve());
      else requestAnimationFrame(() => resolve());
    });
  }
}
