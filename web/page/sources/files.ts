/** Pictures and videos from files that the reader opens or drops. They stay in this browser. */
import { PageError } from '../ui/errors';
import { silentVideo, type LiveSource } from './camera';

/** Longest side of a photo, in pixels: more would fill the memory of a phone and show no more of a face. */
const MAX_PHOTO_SIDE = 2560;

export interface Size {
  width: number;
  height: number;
}

/** A photo, ready to be drawn. */
export interface Photo {
  picture: HTMLCanvasElement;
  /** Its size in the file; `picture` is smaller where the file has too many pixels. */
  full: Size;
}

/** The size of a picture whose longer side is at most `most`. */
export function fittedSize({ width, height }: Size, most: number): Size {
  const share = Math.min(1, most / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * share)), height: Math.max(1, Math.round(height * share)) };
}

/** Something that can be drawn on a canvas, with its size. */
interface Drawable extends Size {
  image: CanvasImageSource;
  close(): void;
}

/**
 * A photo on a canvas: upright by its EXIF orientation, over white where it is transparent.
 *
 * @param file bytes of any picture that the browser reads
 * @throws PageError `not-an-image` or `too-large`
 */
export async function readPhoto(file: Blob): Promise<Photo> {
  const drawable = await decode(file);
  const full = { width: drawable.width, height: drawable.height };
  const canvas = document.createElement('canvas');
  Object.assign(canvas, fittedSize(full, MAX_PHOTO_SIDE));
  const context = canvas.getContext('2d');
  if (!context) throw new PageError('too-large');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(drawable.image, 0, 0, canvas.width, canvas.height);
  drawable.close();
  return { picture: canvas, full };
}

/** A picture with its transparency, in a square of `side` pixels: to be painted on a face. */
export async function readPaint(file: Blob, side: number): Promise<HTMLCanvasElement> {
  const drawable = await decode(file);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = side;
  const context = canvas.getContext('2d');
  if (!context) throw new PageError('too-large');
  context.imageSmoothingQuality = 'high';
  context.drawImage(drawable.image, 0, 0, side, side);
  drawable.close();
  return canvas;
}

async function decode(file: Blob): Promise<Drawable> {
  try {
    const image = await createImageBitmap(file, { imageOrientation: 'from-image' });
    return { image, width: image.width, height: image.height, close: () => image.close() };
  } catch {
    return decodeByElement(file); // drawings (SVG) have no bitmap in some browsers
  }
}

async function decodeByElement(file: Blob): Promise<Drawable> {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    if (!image.naturalWidth) throw new PageError('not-an-image');
    return { image, width: image.naturalWidth, height: image.naturalHeight, close: () => undefined };
  } catch {
    throw new PageError('not-an-image');
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/**
 * A video file as a source; it plays in a loop.
 *
 * @throws PageError `not-an-image` where the browser cannot play it
 */
export async function openVideo(file: Blob): Promise<LiveSource> {
  const video = silentVideo();
  video.loop = true;
  video.src = URL.createObjectURL(file);
  const stop = (): void => {
    video.pause();
    URL.revokeObjectURL(video.src);
    video.removeAttribute('src');
    video.load();
  };
  try {
    await video.play();
  } catch {
    stop();
    throw new PageError('not-an-image');
  }
  return { video, stop };
}

/** Whether a file is played, not shown. Its type comes from its ending. */
export function isVideo(file: Blob): boolean {
  return file.type.startsWith('video/');
}

/** Whether a file is a model for the avatar. */
export function isModel(file: File): boolean {
  return /\.glb$/i.test(file.name) || file.type === 'model/gltf-binary';
}
