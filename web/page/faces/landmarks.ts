/** The 68 landmarks of iBUG 300-W: which points are joined, and where the eyes are. */

/** Lines of a drawing: first point, last point, closed. */
export const LANDMARK_LINES: readonly (readonly [number, number, boolean])[] = [
  [0, 16, false],
  [17, 21, false],
  [22, 26, false],
  [27, 30, false],
  [31, 35, false],
  [36, 41, true],
  [42, 47, true],
  [48, 59, true],
  [60, 67, true],
];

/** First point and end of the right and of the left eye; right and left are the person's. */
export const EYES: readonly (readonly [number, number])[] = [
  [36, 42],
  [42, 48],
];

/** Pairs of point numbers that a drawing joins. */
export function landmarkPairs(): [number, number][] {
  const pairs: [number, number][] = [];
  for (const [first, last, closed] of LANDMARK_LINES) {
    for (let k = first; k < last; k++) pairs.push([k, k + 1]);
    if (closed) pairs.push([last, first]);
  }
  return pairs;
}

/** The mean (3) of some of the landmarks (68 x 3), from one number up to, but not including, another. */
export function meanLandmark(landmarks: ArrayLike<number>, first: number, end: number): [number, number, number] {
  const sum: [number, number, number] = [0, 0, 0];
  for (let k = first; k < end; k++) for (let c = 0; c < 3; c++) sum[c] += landmarks[3 * k + c] / (end - first);
  return sum;
}
