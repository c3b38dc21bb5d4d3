/** The 68 iBUG landmarks: their parts and boxes. */
import type { Box } from './crop.js';

/** The points of each part, in iBUG's order: first, and one after the last. Right and left are the person's. */
export const RIGHT_BROW = [17, 22] as const;
export const RIGHT_EYE = [36, 42] as const;
export const LEFT_EYE = [42, 48] as const;
export const NOSTRILS = [31, 36] as const;
export const OUTER_LIPS = [48, 60] as const;
export const UNDER_NOSE = 33;

const MIN_BOX_SIZE = 1e-3; // pixels

/**
 * The box x0, y0, x1, y1 around landmarks in the picture plane.
 *
 * @param landmarks n x dimension, flat
 * @param dimension 2 or 3: values a landmark; z is ignored
 */
export function landmarkBox(landmarks: ArrayLike<number>, dimension: 2 | 3 = 3): Box {
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < landmarks.length; i += dimension) {
    box[0] = Math.min(box[0], landmarks[i]);
    box[1] = Math.min(box[1], landmarks[i + 1]);
    box[2] = Math.max(box[2], landmarks[i]);
    box[3] = Math.max(box[3], landmarks[i + 1]);
  }
  return box;
}

/** Size of a face in pixels: the square root of the area of its landmark box. */
export function boxSize(box: Box): number {
  return Math.max(Math.sqrt((box[2] - box[0]) * (box[3] - box[1])), MIN_BOX_SIZE);
}

/** Intersection over union of each box with one box, 0 to 1. */
export function overlap(boxes: readonly Box[], box: Box): number[] {
  const area = (box[2] - box[0]) * (box[3] - box[1]);
  return boxes.map((other) => {
    const width = Math.max(Math.min(other[2], box[2]) - Math.max(other[0], box[0]), 0);
    const height = Math.max(Math.min(other[3], box[3]) - Math.max(other[1], box[1]), 0);
    const shared = width * height;
    const union = (other[2] - other[0]) * (other[3] - other[1]) + area - shared;
    return shared / Math.max(union, 1e-12);
  });
}
