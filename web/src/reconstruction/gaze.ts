/** Where eyes look: as directions in the face frame, as angles, and as ARKit's eight `eyeLook` weights. */
import type { Camera } from '../geometry/camera.js';
import type { Look } from './closer-look.js';

const DEGREES = 180 / Math.PI;

// angles in degrees at which a weight is 1; the lids and the skin around the eyes follow the gaze
const LOOK_DOWN = 30;
const LOOK_UP = 30;
const LOOK_ASIDE = 40;
const CLOSED_EYE = 0.12; // openness below which an eye shows no gaze

/**
 * Which eyes show where they look: the right and the left one, if they are seen and open.
 *
 * @param look of the face
 * @param open openness of the right and the left eye
 */
export function lookingEyes(look: Look, open: ArrayLike<number>): [boolean, boolean] {
  const shows = (eye: number): boolean => look.confidence[eye] > 0 && open[eye] > CLOSED_EYE;
  return [shows(0), shows(1)];
}

/**
 * The gaze of both eyes in the face frame, 2 x 3; NaN for an eye that is hidden or closed.
 *
 * @param look of the face, with the gaze in the photo frame
 * @param open openness of the right and the left eye
 * @param camera from the face frame to the photo frame
 */
export function faceGaze(look: Look, open: ArrayLike<number>, camera: Camera): Float64Array {
  const gaze = new Float64Array(6).fill(NaN);
  const r = camera.rotation;
  lookingEyes(look, open).forEach((looking, eye) => {
    if (!looking) return;
    const [x, y, z] = look.gaze.subarray(3 * eye, 3 * eye + 3);
    for (let k = 0; k < 3; k++) gaze[3 * eye + k] = x * r[k] + y * r[3 + k] + z * r[6 + k];
  });
  return gaze;
}

/**
 * Pitch and yaw in degrees of a direction in the face frame: up, and to the person's own right.
 *
 * @param direction x, y, z; its length does not matter
 */
export function gazeAngles(direction: ArrayLike<number>): [number, number] {
  const [x, y, z] = [direction[0], direction[1], direction[2]];
  return [Math.atan2(y, z) * DEGREES, -Math.atan2(x, Math.hypot(y, z)) * DEGREES];
}

/**
 * The weights of the right and the left eye's directions, by name. None is negative; some may exceed 1.
 *
 * An eye looks in (toward the nose) or out, so both weights of a side are never above 0.
 *
 * @param right pitch and yaw of the right eye in degrees, see {@link gazeAngles}
 * @param left the same of the left eye
 */
export function lookWeights(right: readonly [number, number], left: readonly [number, number]): Record<string, number> {
  return { ...eyeWeights('Left', left[0], left[1]), ...eyeWeights('Right', right[0], -right[1]) };
}

/**
 * The weights of the gaze of both eyes, by name; without those of an eye that is NaN.
 *
 * @param gaze 2 x 3 in the face frame, of the right and the left eye
 */
export function seenLookWeights(gaze: ArrayLike<number>): Record<string, number> {
  const [right, left] = [0, 3].map((start) => Array.from({ length: 3 }, (_, k) => gaze[start + k]));
  const weights: Record<string, number> = {};
  if (!left.some(Number.isNaN)) {
    const [pitch, yaw] = gazeAngles(left);
    Object.assign(weights, eyeWeights('Left', pitch, yaw));
  }
  if (!right.some(Number.isNaN)) {
    const [pitch, yaw] = gazeAngles(right);
    Object.assign(weights, eyeWeights('Right', pitch, -yaw));
  }
  return weights;
}

/** The four weights of an eye that looks up by `pitch`, and toward the nose by `inward` degrees. */
function eyeWeights(side: 'Left' | 'Right', pitch: number, inward: number): Record<string, number> {
  return {
    [`eyeLookUp${side}`]: Math.max(pitch / LOOK_UP, 0),
    [`eyeLookDown${side}`]: Math.max(-pitch / LOOK_DOWN, 0),
    [`eyeLookIn${side}`]: Math.max(inward / LOOK_ASIDE, 0),
    [`eyeLookOut${side}`]: Math.max(-inward / LOOK_ASIDE, 0),
  };
}
