/**
 * A head's pose for a perspective camera, as three.js has it.
 */
import type { Pose } from './types.js';

export interface PoseMatrixOptions {
  /** Vertical field of view of the camera in degrees, 50 by default, as three.js's `PerspectiveCamera`. */
  fov?: number;
  /**
   * True: only turned and moved, so that the matrix can be taken apart into a position and a quaternion. Then a face at
   * the picture's edge is not covered exactly.
   */
  rigid?: boolean;
}

/**
 * The 4 x 4 matrix that places what is given in the face frame, in millimetres, before a perspective camera, so that it
 * covers the face in the picture. It is column-major, for `object.matrix.fromArray(...)` of three.js with
 * `object.matrixAutoUpdate = false`, or for a uniform.
 *
 * The camera is at the origin, looks along -z, has y up and the picture's proportions:
 * `new PerspectiveCamera(50, width / height, 1, 100000)`, one unit being a millimetre. What it draws is shown over the
 * whole picture.
 *
 * The pose is that of a scaled-orthographic camera (x = k (R v)_x + t_x and so on, see {@link Pose}). A perspective
 * camera that is d from the plane where the photo frame's z is 0 shows that plane at the scale k if
 * d = height / (2 k tan(fov / 2)); so the matrix places this plane, which goes through the middle of the face, at z = -d.
 * A point in it is drawn exactly where the pose projects it. A point that is h nearer to the camera is drawn d / (d - h)
 * times as far from the place where the face frame's origin would be if it lay in that plane: perspective itself, a few
 * per cent at the tip of the nose.
 *
 * A camera sees a face at the edge of the picture from one side, although the pose says how it looks along the camera's
 * own axis. The matrix therefore shears the face along the line of sight (it moves what is nearer toward the camera's
 * axis, as much as perspective moves it away). With `rigid` the face is turned by the angle a of the line of sight
 * instead, about its origin. In the middle of the picture that is the same; elsewhere the face is drawn 1 / cos(a) times
 * as long along the line to the middle.
 *
 * @param pose of a face
 * @param picture width and height of the picture in pixels
 * @returns 16 numbers, column by column. RangeError if the field of view is not between 0 and 180 degrees
 */
export function poseMatrix(
  pose: Pose,
  picture: { width: number; height: number },
  options: PoseMatrixOptions = {},
): Float64Array {
  const { fov = 50, rigid = false } = options;
  const { rotation, scale, translation } = pose;
  if (!(fov > 0 && fov < 180)) throw new RangeError(`a field of view is between 0 and 180 degrees, got ${fov}`);
  const distance = picture.height / (2 * scale * Math.tan((fov * Math.PI) / 360));
  // the face frame's origin, seen in the middle plane: from the picture's centre, right and up, in millimetres
  const x = (translation[0] + 0.5 - picture.width / 2) / scale;
  const y = (picture.height / 2 - translation[1] - 0.5) / scale;
  const nearer = translation[2] / scale; // than the middle plane
  const view = rigid ? turnedView(x, y, distance) : [1, 0, -x / distance, 0, 1, -y / distance, 0, 0, 1];
  const out = new Float64Array(16);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      for (let k = 0; k < 3; k++) out[4 * column + row] += view[3 * row + k] * rotation[3 * k + column];
    }
  }
  // the origin lies on the line of sight through (x, y, -distance)
  const share = 1 - nearer / distance;
  out.set([x * share, y * share, nearer - distance, 1], 12);
  return out;
}

/** The smallest rotation (row by row) from the camera's axis to the line of sight through (x, y, -distance). */
function turnedView(x: number, y: number, distance: number): number[] {
  const length = Math.hypot(x, y, distance);
  const [a, b, c] = [-x / length, -y / length, distance / length]; // from there to the camera; it was (0, 0, 1)
  const k = 1 / (1 + c);
  return [1 - k * a * a, -k * a * b, a, -k * a * b, 1 - k * b * b, b, -a, -b, c];
}
