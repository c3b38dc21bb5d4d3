/** Rotations of eyeballs. */

/**
 * The quaternion (x, y, z, w) that turns an eye from z to where it looks.
 *
 * @param gaze unit vectors of the right and the left eye, 2 x 3; an eye that is not seen (NaN) looks as the other does
 * @param eye 0 for the right one
 */
export function eyeQuaternion(gaze: ArrayLike<number>, eye: 0 | 1): [number, number, number, number] {
  const seen = Number.isNaN(gaze[3 * eye]) ? 1 - eye : eye;
  const [x, y, z] = [gaze[3 * seen], gaze[3 * seen + 1], gaze[3 * seen + 2]];
  if (!(z > -0.99)) return [0, 0, 0, 1]; // neither eye is seen, or a look back, which no eye can do
  // half way between z and the direction; the axis is their cross product
  const length = Math.hypot(y, x, 1 + z);
  return [-y / length, x / length, 0, (1 + z) / length];
}
