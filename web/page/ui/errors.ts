/** What went wrong, in words for the reader of the page. */
import { FaceError } from '../../src/index';
import { GlbError } from '../export/glb';

/** What can go wrong before a picture reaches the tracker. */
export type PageErrorCode =
  'no-camera' | 'refused' | 'camera-busy' | 'insecure' | 'not-an-image' | 'no-webgl' | 'too-large' | 'offline';

export class PageError extends Error {
  override name = 'PageError';

  constructor(readonly code: PageErrorCode) {
    super(code);
  }
}

/** A message: a short title, and what to do. */
export interface Message {
  title: string;
  text: string;
  /** The page cannot go on without a reload. */
  fatal: boolean;
}

const PAGE_MESSAGES: Record<PageErrorCode, readonly [string, string]> = {
  'no-camera': ['No camera found', 'Connect a camera and try again, or open a photo.'],
  refused: [
    'The camera is not allowed',
    'Allow it in the browser’s address bar, then start the camera again. Its pictures never leave this device.',
  ],
  'camera-busy': ['The camera is in use', 'Close the other program or tab that uses it, then try again.'],
  insecure: ['The camera needs a secure address', 'Open this page with https, or from this computer (127.0.0.1).'],
  'not-an-image': [
    'This browser cannot read this file',
    'Open a JPEG, PNG, WebP or AVIF picture, or a video that this browser plays. Save HEIC photos as JPEG first.',
  ],
  'no-webgl': ['This browser draws no 3D pictures', 'Switch on its hardware acceleration, or take another browser.'],
  'too-large': ['This picture is too large', 'Open one with fewer pixels: this device has too little memory for it.'],
  offline: ['This file was not kept for offline use', 'Connect to the network once and try again.'],
};

const FACE_MESSAGES: Record<FaceError['code'], readonly [string, string, boolean]> = {
  load: ['The face models did not load', 'Check the connection and load the page again.', true],
  damaged: [
    'A file of the face models is damaged',
    'Load the page again. If this stays, tell whoever runs this page that the file is not the published one.',
    true,
  ],
  unsupported: [
    'This browser is too old',
    'Take Chrome 92, Firefox 105, Safari 16.4, or newer. On an iPhone in Lockdown Mode this page cannot run.',
    true,
  ],
  picture: ['This picture cannot be read', 'Open another one.', false],
  memory: ['Memory is used up', 'Close other tabs or open a smaller picture, then load the page again.', true],
  closed: ['The face tracker has stopped', 'Load the page again.', true],
  internal: ['Something went wrong', 'Load the page again. If this stays, please report it.', true],
};

/** The message for an error of any kind. */
export function describe(error: unknown): Message {
  if (error instanceof PageError) {
    const [title, text] = PAGE_MESSAGES[error.code];
    return { title, text, fatal: error.code === 'no-webgl' };
  }
  if (error instanceof FaceError) {
    const [title, text, fatal] = FACE_MESSAGES[error.code];
    return { title, text: error.code === 'internal' ? `${text} (${error.message})` : nameFile(text, error), fatal };
  }
  if (error instanceof GlbError) return { title: 'This model cannot be used', text: error.message, fatal: false };
  if (isMemoryError(error)) return { title: FACE_MESSAGES.memory[0], text: FACE_MESSAGES.memory[1], fatal: true };
  const text = error instanceof Error ? error.message : String(error);
  return { title: 'Something went wrong', text, fatal: false };
}

/** The text with the name of the file that an error is about, if it is about one. */
function nameFile(text: string, { code, message }: FaceError): string {
  const name =
    code === 'load' || code === 'damaged' ? /[\w.-]+\.(?:bin|js|json|tflite|wasm)\b/.exec(message)?.[0] : null;
  return name ? `${name}: ${text}` : text;
}

/** Whether an error says that memory is used up; browsers differ in how they say it. */
function isMemoryError(error: unknown): boolean {
  return (
    error instanceof Error && (error instanceof RangeError || /out of memory|allocation failed/i.test(error.message))
  );
}
