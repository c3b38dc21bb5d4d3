/** The likelihood that a position map shows a face. It reveals false alarms of the detector. */
import { Camera } from '../geometry/camera.js';
import { UNDER_NOSE } from '../geometry/landmarks.js';
import { meanDistance, pointsAt } from '../geometry/points.js';
import type { Layout } from '../uv/layout.js';

const WHOLE_FACE_FACTOR = 1.25; // from the distance of the part above the mouth to that of the whole face
const TEXEL_STEP = 7;

/**
 * The distance at which the likelihood is 0.5, and the width of the logistic curve, both in mm, for weights without
 * their own curve.
 */
export const DISTANCE_CURVE: readonly [number, number] = [20.0, 2.1];

/** The texels that are compared, their mirror images, and their points on the mean face. */
interface Compared {
  texels: Int32Array;
  mirrored: Int32Array;
  mean: Float32Array;
}

const comparedTexels = new WeakMap<Layout, Compared>();

/**
 * Distance of the shape of a map from a face in mm: from the mean face, plus from its own mirror image.
 *
 * A face differs from the mean face by a few percent of its size, and its two sides differ by less. If a crop shows no
 * face, the network averages many shapes into one that is flat, torn or asymmetric. The distance from the mean face is
 * taken after similarity alignment, the distance of the two sides in the face frame. Only the part above the mouth is
 * measured, because an open mouth moves a third of the face; a factor of 1.25 makes up for the rest.
 *
 * @param map size x size x 3, photo frame
 * @param layout of the map
 */
export function shapeDistance(map: Float32Array, layout: Layout): number {
  const { texels, mirrored, mean } = compared(layout);
  const shape = pointsAt(map, texels);
  const camera = Camera.fit(mean, shape);
  const distance = meanDistance(camera.project(mean), shape) / camera.scale;
  const other = camera.unproject(pointsAt(map, mirrored));
  for (let i = 0; i < other.length; i += 3) other[i] = -other[i];
  return WHOLE_FACE_FACTOR * distance + meanDistance(camera.unproject(shape), other);
}

/**
 * Likelihood, 0 to 1, that a map shows a face, from its {@link shapeDistance} alone.
 *
 * @param map size x size x 3, photo frame
 * @param layout of the map
 * @param curve see {@link DISTANCE_CURVE}
 */
export function faceLikelihood(map: Float32Array, layout: Layout, curve = DISTANCE_CURVE): number {
  return 1 / (1 + Math.exp((shapeDistance(map, layout) - curve[0]) / curve[1]));
}

function compared(layout: Layout): Compared {
  let found = comparedTexels.get(layout);
  if (!found) {
    const { meanMap, size } = layout;
    const lowest = layout.landmarks(meanMap)[3 * UNDER_NOSE + 1];
    const texels = layout.texels.filter((texel, k) => k % TEXEL_STEP === 0 && meanMap[3 * texel + 1] > lowest);
    const mirrored = texels.map((texel) => texel + size - 1 - 2 * (texel % size));
    found = { texels, mirrored, mean: pointsAt(meanMap, texels) };
    comparedTexels.set(layout, found);
  }
  return found;
}
