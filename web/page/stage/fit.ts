/** Where a picture is shown on the screen. */

export interface Place {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The largest place for a picture in the middle of a box, so that all of it is seen. */
export function contain(picture: { width: number; height: number }, box: { width: number; height: number }): Place {
  const share = Math.min(box.width / picture.width, box.height / picture.height);
  const width = Math.max(1, Math.round(picture.width * share));
  const height = Math.max(1, Math.round(picture.height * share));
  return { left: Math.round((box.width - width) / 2), top: Math.round((box.height - height) / 2), width, height };
}

/** A part of a picture, in its pixels. */
export interface Part {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Height of a close-up, in heights of the faces from brows to chin. */
const CLOSE_UP = 2.3;
/** A face that has this share of the picture's height is close enough. */
const LARGE_FACE = 0.36;

/** The box around the landmarks (68 x 3 each) of faces; null where there are none. */
export function boxOf(landmarks: readonly ArrayLike<number>[]): Part | null {
  const xs = landmarks.flatMap((points) => Array.from({ length: 68 }, (_, k) => points[3 * k]));
  const ys = landmarks.flatMap((points) => Array.from({ length: 68 }, (_, k) => points[3 * k + 1]));
  if (!xs.length) return null;
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/**
 * The part of a picture around its faces that fills a box on the screen.
 *
 * @param faces the box around their landmarks
 * @returns null where the faces are large enough, or the part would be the whole picture
 */
export function closeUp(
  picture: { width: number; height: number },
  faces: Part,
  box: { width: number; height: number },
): Part | null {
  if (faces.height > LARGE_FACE * picture.height) return null;
  const shape = box.width / box.height;
  const wanted = Math.max(CLOSE_UP * faces.height, (1.6 * faces.width) / shape);
  const height = Math.min(wanted, picture.height, picture.width / shape);
  const width = height * shape;
  if (height < faces.height || width < faces.width || height > 0.92 * picture.height) return null;
  // the forehead is above the landmarks, so the middle lies a little higher than theirs
  const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
  const x = clamp(faces.x + faces.width / 2 - width / 2, picture.width - width);
  const y = clamp(faces.y + 0.42 * faces.height - height / 2, picture.height - height);
  return { x, y, width, height };
}
