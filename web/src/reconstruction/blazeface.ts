/**
 * The BlazeFace network: anchors, decoding, suppression, and the roll of a head from its keypoints.
 *
 * BlazeFace (Bazarevsky et al., 2019, arXiv 1907.05047) is MediaPipe's face detector. MediaPipe's graphs define the
 * anchors, the decoding and the suppression.
 */
import { invertSimilarity, warpLevels, type Box, type Matrix23, type Picture } from '../geometry/crop.js';
import { overlap } from '../geometry/landmarks.js';
import type { Model } from './lprnet.js';

/** Boxes with a higher intersection over union belong to one face. */
export const SAME_FACE_IOU = 0.3;

const GREY = 127; // about the 0 of the network's input, -1 to 1
const NOSE_WEIGHT = 0.58; // fitted to the head poses of training photos
const POINTS = 8; // upper left and lower right corner of the box, and six keypoints
const ANSWERS = 16; // an anchor: offsets of the centre, width and height, offsets of six keypoints

/** Sides of the input, and strides of the layers, of the two networks. */
export const BLAZEFACE_MODELS = {
  /** Sees 256 pixels and finds faces down to a twentieth of the crop. */
  back: { size: 256, strides: [16, 32, 32, 32] },
  /** Sees 128 pixels: for a face near the camera, six times as fast. */
  short: { size: 128, strides: [8, 16, 16, 16] },
} as const;

/** One face in a crop. */
export interface CropFace {
  /** 0 to 1. */
  score: number;
  /**
   * 8 x 2, in pixels of the crop: upper left and lower right corner of the box; left eye, right eye, nose tip, mouth,
   * left ear, right ear (left and right in the image).
   */
  points: Float64Array;
}

/**
 * Centres, n x 2, of the anchors in input pixels; the input spans 0 to `size`.
 *
 * Layers of the same stride share one grid and add two anchors per cell each. All anchors have the same size.
 */
export function anchors(size: number, strides: readonly number[]): Float64Array {
  const centres: number[] = [];
  for (const stride of new Set(strides)) {
    const cells = Math.floor(size / stride);
    const copies = 2 * strides.filter((other) => other === stride).length;
    for (let cell = 0; cell < cells * cells; cell++) {
      const x = ((cell % cells) + 0.5) * stride;
      const y = (Math.floor(cell / cells) + 0.5) * stride;
      for (let copy = 0; copy < copies; copy++) centres.push(x, y);
    }
  }
  return Float64Array.from(centres);
}

/** Average overlapping boxes by their scores: each with the highest of these scores, best first. */
export function suppress(faces: readonly CropFace[]): CropFace[] {
  let rest = [...faces].sort((a, b) => b.score - a.score);
  const found: CropFace[] = [];
  while (rest.length) {
    const [best] = rest;
    const shared = overlap(rest.map(boxOf), boxOf(best));
    const same = rest.filter((_, k) => k === 0 || shared[k] > SAME_FACE_IOU);
    rest = rest.filter((_, k) => k !== 0 && !(shared[k] > SAME_FACE_IOU));
    found.push({ score: best.score, points: weightedMean(same) });
  }
  return found;
}

function boxOf(face: CropFace): Box {
  return [face.points[0], face.points[1], face.points[2], face.points[3]];
}

function weightedMean(faces: readonly CropFace[]): Float64Array {
  const total = faces.reduce((sum, face) => sum + face.score, 0);
  const out = new Float64Array(2 * POINTS);
  for (const { score, points } of faces) points.forEach((value, k) => (out[k] += (score / total) * value));
  return out;
}

/** One BlazeFace network, applied to one crop of a photo. */
export class BlazeFace {
  /** Side of the network's input in pixels. */
  readonly size: number;
  private readonly anchors: Float64Array;

  /**
   * @param model takes size x size x 3, RGB, -1 to 1, and answers n x 16 and n x 1 in any order
   * @param kind which of the networks it is
   * @param isFramed see {@link framed}
   */
  constructor(
    private readonly model: Model,
    private readonly kind: keyof typeof BLAZEFACE_MODELS,
    private readonly isFramed = false,
  ) {
    const { size, strides } = BLAZEFACE_MODELS[kind];
    this.size = size;
    this.anchors = anchors(size, strides);
  }

  /**
   * The same network; it sees grey beyond the photo's edge, where otherwise the edge's pixels are repeated. The streaks
   * of repeated pixels hide a face that the edge cuts.
   */
  framed(): BlazeFace {
    return new BlazeFace(this.model, this.kind, true);
  }

  /** The faces in the crop that a matrix cuts out of a photo, best first. */
  async detect(picture: Picture, matrix: Matrix23, minScore = 0.5): Promise<CropFace[]> {
    const crop = warpLevels(picture, matrix, this.size);
    if (this.isFramed) paintBeyond(crop, picture, matrix, this.size);
    for (let i = 0; i < crop.length; i++) crop[i] = crop[i] / 127.5 - 1;
    const outputs = await this.model.run([crop]);
    const count = this.anchors.length / 2;
    const raw = outputs.find((output) => output.length === ANSWERS * count);
    const logits = outputs.find((output) => output.length === count);
    if (!raw || !logits) {
      throw new RangeError(`a face detector answers ${count} anchors, got ${outputs.map((o) => o.length).join(', ')}`);
    }
    return suppress(this.decode(raw, logits, minScore));
  }

  /** The boxes and keypoints of the anchors whose score is high enough. */
  private decode(raw: Float32Array, logits: Float32Array, minScore: number): CropFace[] {
    const found: CropFace[] = [];
    for (let anchor = 0; anchor < logits.length; anchor++) {
      const score = 1 / (1 + Math.exp(-Math.min(Math.max(logits[anchor], -100), 100)));
      const answer = raw.subarray(ANSWERS * anchor, ANSWERS * (anchor + 1));
      if (!(score >= minScore) || !(answer[2] > 0) || !(answer[3] > 0)) continue;
      const points = new Float64Array(2 * POINTS);
      for (let k = 0; k < 2 * POINTS; k++) {
        // The first two points are the corners: both begin at the box's centre. Half a pixel: the network counts from
        // the edge of the first pixel, we count from its centre.
        points[k] = answer[k < 4 ? k % 2 : k] + this.anchors[2 * anchor + (k % 2)] - 0.5;
        if (k < 4) points[k] += ((k < 2 ? -1 : 1) * answer[2 + (k % 2)]) / 2;
      }
      found.push({ score, points });
    }
    return found;
  }
}

/** Paint the pixels of a crop, size x size x 3, grey that lie beyond the photo. */
function paintBeyond(crop: Float32Array, picture: Picture, matrix: Matrix23, size: number): void {
  const [a, b, tx, c, d, ty] = invertSimilarity(matrix);
  const [right, bottom] = [picture.width - 0.5, picture.height - 0.5];
  for (let row = 0, k = 0; row < size; row++) {
    for (let column = 0; column < size; column++, k += 3) {
      const x = a * column + b * row + tx;
      const y = c * column + d * row + ty;
      if (x < -0.5 || y < -0.5 || x > right || y > bottom) crop.fill(GREY, k, k + 3);
    }
  }
}

/**
 * Clockwise roll of a head in the picture plane, in degrees, from the points, 8 x 2, of a {@link CropFace}.
 *
 * The line from the eyes to the mouth points straight down for a frontal face only. In profile the mouth lies in front
 * of the eyes, and the line leans by 14 degrees. The position of the nose corrects for this.
 */
export function rollFromPoints(points: Float64Array): number {
  const along = (axis: 0 | 1): number => {
    const eyes = (points[4 + axis] + points[6 + axis]) / 2;
    return points[10 + axis] - eyes - NOSE_WEIGHT * (points[8 + axis] - eyes);
  };
  return (Math.atan2(-along(0), along(1)) * 180) / Math.PI;
}
