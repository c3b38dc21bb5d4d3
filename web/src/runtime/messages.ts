/**
 * What the page and its worker say to each other.
 */
import type { ErrorCode, FaceMesh, Progress, TrackerInfo, TrackerOptions, Tracking } from '../types.js';

/** A picture on its way to the worker. It belongs to the message: who receives it closes it. */
export type Frame = ImageBitmap | VideoFrame | ImageData;

/** The options of a tracker, complete, without what cannot be sent. */
export interface WorkerOptions extends Required<Omit<TrackerOptions, 'files' | 'onProgress'>> {
  /** Address of the folder of files, absolute, with a slash at its end. */
  files: string;
  /** Version of the package that the page has; the worker's own must be the same. */
  version: string;
}

/** What a tracker tells once, when it is ready. */
export interface Opened {
  info: TrackerInfo;
  mesh: FaceMesh;
}

/** From the page; each gets one {@link Reply} with its number. */
export type Request =
  | { id: number; kind: 'open'; options: WorkerOptions }
  | { id: number; kind: 'track'; frame: Frame; time: number }
  | { id: number; kind: 'reconstruct'; frame: Frame }
  | { id: number; kind: 'reset' };

/** What a request of each kind is answered with. */
export interface Answers {
  open: Opened;
  track: Tracking;
  reconstruct: Tracking;
  reset: undefined;
}

/** From the worker. Requests are answered in the order in which they were sent. */
export type Reply =
  | { kind: 'progress'; progress: Progress }
  | { kind: 'done'; id: number; value: Answers[keyof Answers] }
  | { kind: 'failed'; id: number; code: ErrorCode; message: string }
  /** A request came that the browser could not read, not even its number: the first that has no answer yet. */
  | { kind: 'unread' };
