/** The order in which faces are counted on the page. */
import type { Face } from '../../src/index';

/** At most so many faces of a picture are found: more would take too long with a camera. */
export const MAX_FACES = 3;

/** Faces by their size, the largest first, wherever they have a number: on the picture and in files. */
export function largestFirst(faces: readonly Face[]): Face[] {
  return [...faces].sort((a, b) => b.pose.scale - a.pose.scale);
}

/** What is said about the number of faces that were found. */
export function countText(count: number): string {
  if (!count) return 'No face found';
  if (count < MAX_FACES) return `${count} ${count === 1 ? 'face' : 'faces'} found`;
  return `${count} faces found: at most the ${MAX_FACES} largest are shown`;
}
