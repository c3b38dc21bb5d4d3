/**
 * From whatever shows a picture to a frame that can be sent to the worker.
 */
import { FaceError, type ImageSource } from '../types.js';
import type { Frame } from './messages.js';

const HAVE_CURRENT_DATA = 2; // of a video's readyState: its present frame is there
const FOREIGN =
  'it comes from another server, which does not permit this page to read it: load it with crossOrigin="anonymous"';

/** The name of a value's class, as browsers give it, whichever window it comes from. */
function className(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/**
 * A frame of its own, upright by the EXIF orientation: the source stays as it is, and is free to change.
 *
 * FaceError `picture` if the source shows no picture, or one that this page may not read.
 */
export async function frameOf(source: ImageSource): Promise<Frame> {
  try {
    switch (className(source)) {
      case 'ImageData':
        checkPixels(source as ImageData);
        return source as ImageData; // the message copies it
      case 'VideoFrame':
        return (source as VideoFrame).clone();
      case 'HTMLVideoElement':
        checkVideo(source as HTMLVideoElement);
        break;
      case 'HTMLImageElement':
        await (source as HTMLImageElement).decode();
        break;
      case 'HTMLCanvasElement':
      case 'OffscreenCanvas':
      case 'ImageBitmap':
        checkSize(source as ImageBitmap);
        break;
      case 'Blob':
      case 'File':
        break;
      default:
        throw new FaceError(
          'picture',
          `A picture is a video, image or canvas element, an ImageBitmap, ImageData, VideoFrame or Blob; got ${className(source)}.`,
        );
    }
    return await bitmap(source as ImageBitmapSource);
  } catch (error) {
    throw unreadable(error);
  }
}

/** Why a picture cannot be read or sent to the worker. */
export function unreadable(error: unknown): FaceError {
  if (error instanceof FaceError) return error;
  // a picture of another server can be made into a frame, but the frame cannot be sent
  const secret = error instanceof Error && (error.name === 'SecurityError' || error.name === 'DataCloneError');
  return new FaceError('picture', `The picture cannot be read: ${secret ? FOREIGN : String(error)}`);
}

async function bitmap(source: ImageBitmapSource): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(source, { imageOrientation: 'from-image' });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return await createImageBitmap(source); // browsers that do not know the word turn pictures upright by themselves
  }
}

function checkVideo(video: HTMLVideoElement): void {
  if (video.readyState < HAVE_CURRENT_DATA || !video.videoWidth) {
    throw new FaceError('picture', 'The video shows no frame yet: wait for its event "loadeddata".');
  }
}

function checkPixels({ width, height, data }: ImageData): void {
  if (data.length < 4 * width * height) {
    throw new FaceError('picture', 'The ImageData has lost its pixels: its buffer was sent to another thread.');
  }
}

function checkSize({ width, height }: { width: number; height: number }): void {
  if (!width || !height) throw new FaceError('picture', `The picture has no pixels: it is ${width} x ${height}.`);
}
