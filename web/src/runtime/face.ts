/**
 * From what the networks found to the {@link Face} that users see.
 */
import type { Camera } from '../geometry/camera.js';
import type { Look } from '../reconstruction/closer-look.js';
import { unsupported, type Coefficients, type ShapeFitter } from '../reconstruction/expressions.js';
import { faceGaze, lookingEyes } from '../reconstruction/gaze.js';
import type { Eyes, Face, Pose } from '../types.js';
import type { Layout } from '../uv/layout.js';
import { openness } from '../uv/openings.js';

/** A face in the pixels that the networks saw. */
export interface FoundFace {
  id: number;
  look: number;
  confidence: number;
  /** Texels x 3. */
  map: Float32Array;
  seen: Look | null;
}

/** What of a face does not need the shape fitted to it. */
export type BareFace = Omit<Face, 'expressions' | 'unsupported'>;

/**
 * A face without its expressions, in pixels of the picture that was given.
 *
 * @param layout of its map
 * @param found the face, in the pixels that the networks saw; nothing of it is kept
 * @param scale those pixels for each pixel of the picture, along x and y
 */
export function bareFace(layout: Layout, found: FoundFace, scale: readonly [number, number] = [1, 1]): BareFace {
  const positionMap = rescaled(found.map, scale);
  const camera = layout.camera(positionMap, 1);
  const open = openness(camera.unproject(positionMap), layout);
  return {
    id: found.id,
    look: found.look,
    confidence: found.confidence,
    positionMap,
    landmarks: layout.landmarks(positionMap),
    vertices: layout.vertices(positionMap),
    pose: poseOf(camera),
    eyes: eyesOf(found.seen, open, camera, scale),
    openness: open,
  };
}

/** The expression weights that were found, by name, and the names of those that should not be shown. */
export function expressionsOf(
  fitter: ShapeFitter | null,
  coefficients: Coefficients | null,
): Pick<Face, 'expressions' | 'unsupported'> {
  if (!fitter || !coefficients) return { expressions: {}, unsupported: [] };
  const weights = fitter.names.map((name, k) => [name, coefficients.expression[k]] as const);
  return { expressions: Object.fromEntries(weights), unsupported: unsupported(fitter, coefficients) };
}

/** A copy of points n x 3 that are for a picture of another size. A pixel's centre has whole coordinates. */
function rescaled(points: Float32Array, [scaleX, scaleY]: readonly [number, number]): Float32Array {
  const out = points.slice();
  if (scaleX === 1 && scaleY === 1) return out;
  const scaleZ = Math.sqrt(scaleX * scaleY);
  for (let i = 0; i < out.length; i += 3) {
    out[i] = (out[i] + 0.5) / scaleX - 0.5;
    out[i + 1] = (out[i + 1] + 0.5) / scaleY - 0.5;
    out[i + 2] /= scaleZ;
  }
  return out;
}

function poseOf(camera: Camera): Pose {
  const [pitch, yaw, roll] = camera.angles;
  return { pitch, yaw, roll, rotation: camera.rotation, scale: camera.scale, translation: camera.translation };
}

/** Gaze in the face frame and irises in the picture; NaN for an eye that is hidden or closed. */
function eyesOf(seen: Look | null, open: Float64Array, camera: Camera, scale: readonly [number, number]): Eyes {
  const irises = new Float64Array(6).fill(NaN);
  if (!seen) return { gaze: irises.slice(), irises };
  const [scaleX, scaleY] = scale;
  lookingEyes(seen, open).forEach((looking, eye) => {
    if (!looking) return;
    const [u, v, radius] = seen.irises.subarray(3 * eye, 3 * eye + 3);
    irises.set([(u + 0.5) / scaleX - 0.5, (v + 0.5) / scaleY - 0.5, radius / Math.sqrt(scaleX * scaleY)], 3 * eye);
  });
  return { gaze: faceGaze(seen, open, camera), irises };
}
