/**
 * The pixels of a frame, in the worker.
 */
import type { Picture } from '../geometry/crop.js';
import { FaceError } from '../types.js';
import type { Frame } from './messages.js';

const MAX_SIDE = 4096; // pixels; a larger picture is made smaller, for its pixels would take over 64 MB

/** Pixels, and how they came from the picture that was given. */
export interface Pixels {
  picture: Picture;
  /** Of the picture that was given. */
  width: number;
  height: number;
  /** Pixels of `picture` for each pixel of the given one, along x and y; 1 unless it was larger than 4096. */
  scale: [number, number];
}

/** The size of a picture's pixels: its own up to 4096 a side, and smaller otherwise, with the same proportions. */
export function pixelSize(width: number, height: number, maxSide = MAX_SIDE): [number, number] {
  const scale = Math.min(maxSide / Math.max(width, height), 1);
  return [Math.max(Math.round(width * scale), 1), Math.max(Math.round(height * scale), 1)];
}

/** Reads frames; it keeps one canvas, whose size changes only with that of the frames. */
export class FrameReader {
  private canvas: OffscreenCanvas | null = null;
  private context: OffscreenCanvasRenderingContext2D | null = null;

  /**
   * The pixels of a frame, which is closed. What is transparent becomes white.
   *
   * FaceError `picture` if it has no pixels or they may not be read.
   */
  read(frame: Frame): Pixels {
    const [width, height] =
      'displayWidth' in frame ? [frame.displayWidth, frame.displayHeight] : [frame.width, frame.height];
    if (!(width > 0 && height > 0)) throw new FaceError('picture', 'The picture has no pixels.');
    const [w, h] = pixelSize(width, height);
    const scale: [number, number] = [w / width, h / height];
    if ('data' in frame && hasBytes(frame) && w === width && h === height) {
      return { picture: overWhite(frame), width, height, scale };
    }
    const { canvas, context } = this.drawing(w, h);
    try {
      if ('data' in frame) {
        const whole = new OffscreenCanvas(width, height);
        contextOf(whole).putImageData(frame, 0, 0);
        draw(context, whole, w, h);
      } else {
        draw(context, frame, w, h);
      }
      return { picture: context.getImageData(0, 0, canvas.width, canvas.height), width, height, scale };
    } catch (error) {
      throw new FaceError('picture', `The picture of ${width} x ${height} pixels cannot be read: ${String(error)}`);
    } finally {
      if ('close' in frame) frame.close();
    }
  }

  private drawing(
    width: number,
    height: number,
  ): { canvas: OffscreenCanvas; context: OffscreenCanvasRenderingContext2D } {
    if (!this.canvas || !this.context || this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas = new OffscreenCanvas(width, height);
      this.context = contextOf(this.canvas);
    }
    return { canvas: this.canvas, context: this.context };
  }
}

function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  // its pixels are read each time, so they should not live on the graphics card
  const context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
  if (!context) throw new FaceError('memory', `There is no memory for ${canvas.width} x ${canvas.height} pixels.`);
  return context;
}

function draw(
  context: OffscreenCanvasRenderingContext2D,
  frame: CanvasImageSource,
  width: number,
  height: number,
): void {
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(frame, 0, 0, width, height);
}

/** Whether colours are bytes. Some browsers also have them as numbers of 16 bits, which a canvas turns into bytes. */
function hasBytes({ data }: ImageData): boolean {
  return data instanceof Uint8ClampedArray;
}

/** Pixels over white, in place: `data` came as a copy. */
function overWhite(picture: ImageData): Picture {
  const { width, height, data } = picture;
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3] / 255;
    if (alpha < 1) {
      for (let c = i; c < i + 3; c++) data[c] = data[c] * alpha + 255 * (1 - alpha); // a clamped array rounds
      data[i + 3] = 255;
    }
  }
  return { width, height, data: data as Uint8ClampedArray };
}
