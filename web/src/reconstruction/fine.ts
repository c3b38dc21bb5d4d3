/** The fine stage of face detection: the small BlazeFace network on crops around a candidate, which show it upright. */
import { invertSimilarity, transformPoints, viewMatrix, type Matrix23, type Picture } from '../geometry/crop.js';
import { rollFromPoints, type BlazeFace } from './blazeface.js';

const SURELY_UPRIGHT_SCORE = 0.75; // a face that scores this much in an upright crop needs no other crops
const SURELY_UPRIGHT_ROLL = 30; // degrees: with a roll under it
const MAX_UPRIGHT_ROLL = 10; // degrees: a smaller roll is not corrected
const FINE_CROP_SCALE = 2.5; // side of the fine stage's crop in sides of the candidate's box
const TURNS = [45, 90, 135, 180, -135, -90, -45]; // degrees, of the other crops

/** A face in a crop that turns the photo back by `angle`. */
export interface CropDetection {
  score: number;
  /** 8 x 2 in pixels of the crop: corners of the box, and keypoints. */
  points: Float64Array;
  /** From the photo to the crop. */
  matrix: Matrix23;
  /** Degrees. */
  angle: number;
}

/** Points n x 2 of a crop in pixels of the photo; the matrix maps the photo to the crop. */
export function cropToPhoto(matrix: Matrix23, points: Float64Array): Float64Array {
  return transformPoints(invertSimilarity(matrix), points, 2);
}

/** The same angle in -180 to 180 degrees. */
export function wrapDegrees(angle: number): number {
  return ((((angle + 180) % 360) + 360) % 360) - 180;
}

/**
 * Features, 13, for the landmarks' box, and centre and side of the detector's box, from its points, 8 x 2. The features
 * are 1 and the keypoints relative to the box's centre in units of its side.
 */
export function boxRegressionFeatures(points: Float64Array): {
  features: Float64Array;
  centre: [number, number];
  side: number;
} {
  const centre: [number, number] = [(points[0] + points[2]) / 2, (points[1] + points[3]) / 2];
  const side = (points[2] - points[0] + (points[3] - points[1])) / 2;
  const features = new Float64Array(13);
  features[0] = 1;
  for (let k = 0; k < 12; k++) features[k + 1] = (points[4 + k] - centre[k % 2]) / side;
  return { features, centre, side };
}

/** The face at a candidate's box, in a crop that shows it upright; null if the crops show no face. */
export async function refineCandidate(
  net: BlazeFace,
  picture: Picture,
  centre: [number, number],
  side: number,
): Promise<CropDetection | null> {
  const upright = await detectInCrop(net, picture, centre, side, 0);
  let best = upright;
  if (!upright || upright.score < SURELY_UPRIGHT_SCORE || Math.abs(rollOf(upright)) >= SURELY_UPRIGHT_ROLL) {
    // The network finds a face at any angle, but its keypoints are right only if the crop turns the face to within
    // about 75 degrees of upright. The nearest crop scores highest; close scores favour an upright face.
    for (const angle of TURNS) {
      const found = await detectInCrop(net, picture, centre, side, angle);
      if (found && (!best || plausibility(found) > plausibility(best))) best = found;
    }
  }
  if (!best) return null;
  const roll = rollOf(best);
  const angle = Math.abs(roll) > MAX_UPRIGHT_ROLL ? roll : 0;
  if (angle === 0 && upright) return upright;
  // if the face is lost at the exact angle, try again around the box of the best crop
  const p = best.points;
  const [x, y] = cropToPhoto(best.matrix, Float64Array.of((p[0] + p[2]) / 2, (p[1] + p[3]) / 2));
  return (
    (await detectInCrop(net, picture, centre, side, angle)) ??
    (await detectInCrop(net, picture, [x, y], side, angle)) ??
    best
  );
}

/** Clockwise roll of the face in the photo in degrees, measured in its crop. */
function rollOf(found: CropDetection): number {
  return wrapDegrees(found.angle + rollFromPoints(found.points));
}

/** The score, a little higher for an upright face; keypoints far from upright in the crop cost 1. */
function plausibility(found: CropDetection): number {
  const roll = rollOf(found);
  const consistent = Math.abs(wrapDegrees(roll - found.angle)) < 50;
  return found.score + 0.1 * Math.exp(-((roll / 40) ** 2) / 2) - (consistent ? 0 : 1);
}

/** The best face near the middle of a crop around a box; faces beside it do not count. */
async function detectInCrop(
  net: BlazeFace,
  picture: Picture,
  centre: [number, number],
  side: number,
  angle: number,
): Promise<CropDetection | null> {
  const matrix = viewMatrix(centre, FINE_CROP_SCALE * side, net.size, angle);
  const middle = (net.size - 1) / 2;
  const maxDistance = net.size / FINE_CROP_SCALE / 2;
  for (const { score, points } of await net.detect(picture, matrix)) {
    const away = [0, 1].map((k) => Math.abs((points[k] + points[k + 2]) / 2 - middle));
    if (Math.max(...away) < maxDistance) return { score, points, matrix, angle };
  }
  return null;
}
