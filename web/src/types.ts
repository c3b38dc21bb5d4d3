/**
 * The types that users of the package see.
 *
 * Two frames, as in the Python package. The *photo frame* is in pixels: x right, y down, z toward the camera with the
 * same scale; the centre of the first pixel is (0, 0). The *face frame* is right-handed, in millimetres: x to the right
 * in the picture of a frontal face, y up, z toward the camera.
 */

/** What a picture can come from. A video gives its present frame; a Blob is an image file, such as one of an input. */
export type ImageSource =
  | HTMLVideoElement
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | ImageData
  | VideoFrame
  | Blob;

/** How far loading is; `total` is known from the start, from the manifest. */
export interface Progress {
  /** Bytes that have arrived. */
  loaded: number;
  /** Bytes of all files. */
  total: number;
  /** The file that is being read. */
  file: string;
}

export interface TrackerOptions {
  /** Address of the folder with the package's files: worker, models, WASM. `npx lprnet-files FOLDER` copies them. */
  files: string | URL;
  /** At most this many faces, the largest ones, in photos and in videos; 3 by default. */
  maxFaces?: number;
  /** Look again at eyes, nose and mouth at the picture's own resolution: gaze, lids and lips; true by default. */
  closerLook?: boolean;
  /** Find expression weights; true by default. */
  expressions?: boolean;
  /** Smooth over time in {@link FaceTracker.track}; true by default. */
  smooth?: boolean;
  /** Threads of the networks; by default as many as there are cores, at most 4; 1 if the page is not isolated. */
  threads?: number;
  /** `wasm` by default. `webgpu` where the browser has it; otherwise `wasm` is taken, see {@link TrackerInfo}. */
  accelerator?: 'wasm' | 'webgpu';
  /** Told while files are loaded. */
  onProgress?: (progress: Progress) => void;
}

/** What runs, after all that the browser offers was considered. */
export interface TrackerInfo {
  accelerator: 'wasm' | 'webgpu';
  threads: number;
  /** Licence and training data of the networks, from their files. */
  model: Record<string, unknown>;
}

/** A head's pose: a scaled-orthographic camera from the face frame to the photo frame. */
export interface Pose {
  /** Degrees; above 0 the head looks up. */
  pitch: number;
  /** Degrees; above 0 the nose turns to the left of the picture. */
  yaw: number;
  /** Degrees, about the head's own axis; above 0 is clockwise. */
  roll: number;
  /** Row-major 3 x 3, from the face frame to upright axes (x right, y up, z toward the camera). */
  rotation: Float64Array;
  /** Pixels per millimetre. */
  scale: number;
  /** Where the face frame's origin is in the photo frame. */
  translation: Float64Array;
}

/** Milliseconds that each part of the last picture took. */
export interface Timings {
  detect: number;
  network: number;
  closerLook: number;
  expressions: number;
  /** Smoothing, and whether the face is the same as before. */
  track: number;
  /** All of it, with the transfer to the worker and back. */
  total: number;
}

/** What a closer look saw; an eye that is closed or hidden has NaN. */
export interface Eyes {
  /** Unit vectors of the right and the left eye, in the face frame: 2 x 3. */
  gaze: Float64Array;
  /** x, y in the photo frame and radius in pixels, of the right and the left iris: 2 x 3. */
  irises: Float64Array;
}

/** One face in one picture. */
export interface Face {
  /** Counted from 0; a face keeps its id while it is followed. 0, 1, ... in a still photo. */
  id: number;
  /** A new number where the face of this id suddenly looks as if it were another person's. */
  look: number;
  /** 0 to 1. */
  confidence: number;
  /** Texels x 3, row by row, in the photo frame: 128 x 128 x 3. */
  positionMap: Float32Array;
  /** 68 x 3 in the photo frame, in the order of iBUG 300-W. */
  landmarks: Float32Array;
  /** Vertices x 3 in the photo frame; {@link FaceMesh} joins them. */
  vertices: Float32Array;
  pose: Pose;
  /** ARKit's names and weights, 0 to 1; empty without expressions. */
  expressions: Record<string, number>;
  /** Names of the weights that this way of finding them does not find well enough to be shown. */
  unsupported: string[];
  eyes: Eyes;
  /** Height over width of the right and the left eye's opening, and of the mouth's; 0 is closed. */
  openness: Float64Array;
}

/** The faces in a picture, in the order of their ids, or largest first in a photo. */
export interface Tracking {
  width: number;
  height: number;
  faces: Face[];
  timings: Timings;
}

/** The mesh that all faces share. */
export interface FaceMesh {
  /** Triangles x 3, counter-clockwise from outside where y points up. */
  triangles: Uint32Array;
  /** Triangles that close the eyes and the mouth, after which `triangles` ends: their number from the start. */
  membraneStart: number;
  /** Vertices x 2: u right, v down, 0 to 1. */
  uv: Float32Array;
  /** Vertices x 3 of the mean face, in the face frame. */
  mean: Float32Array;
  /** Texels a side of the position map. */
  size: number;
}

export interface FaceTracker {
  readonly info: TrackerInfo;
  readonly mesh: FaceMesh;
  /**
   * The faces in the next frame of a video. Calls wait for one another.
   *
   * @param source the frame
   * @param time milliseconds, as of `performance.now()` or the video's time; by default the present. RangeError if it is
   *   not finite
   */
  track(source: ImageSource, time?: number): Promise<Tracking>;
  /** The faces in a photo, each for itself: nothing is remembered or smoothed. */
  reconstruct(source: ImageSource): Promise<Tracking>;
  /** Forget all faces, before another video. */
  reset(): Promise<void>;
  /** Stop the worker; no method works after it. */
  close(): void;
}

/** What went wrong, in `code`, for programs; `message` is for people. */
export type ErrorCode =
  /** A file is missing or cannot be reached. */
  | 'load'
  /** A file does not have the SHA-256 of the manifest. */
  | 'damaged'
  /** The browser has no WebAssembly with SIMD. */
  | 'unsupported'
  /** The picture has no pixels, or cannot be read. */
  | 'picture'
  /** Memory is used up. */
  | 'memory'
  /** The tracker was closed. */
  | 'closed'
  /** Anything else. */
  | 'internal';

export class FaceError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'FaceError';
  }
}
