/** Numbers as .csv text. */
import type { Face } from '../../src/index';
import type { Take } from '../avatar/take';
import type { Size } from '../sources/files';

/** Rows of a table as text: comma, decimal point, one line a row; cells with commas or quotes are quoted (RFC 4180). */
export function csv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => row.map(cell).join(',') + '\r\n').join('');
}

function cell(value: string | number): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/**
 * The 68 landmarks of some faces: face, point, x, y, z.
 *
 * @param faces in pixels of the picture that they were found in
 * @param picture its size
 * @param full size of the same picture in its file, whose pixels the file has. A pixel's centre has whole coordinates
 */
export function landmarksCsv(faces: readonly Face[], picture: Size, full: Size): string {
  const rows: (string | number)[][] = [['face', 'point', 'x', 'y', 'z']];
  const [scaleX, scaleY] = [full.width / picture.width, full.height / picture.height];
  for (const [number, { landmarks }] of faces.entries()) {
    for (let k = 0; k < 68; k++) {
      const x = (landmarks[3 * k] + 0.5) * scaleX - 0.5;
      const y = (landmarks[3 * k + 1] + 0.5) * scaleY - 0.5;
      const z = landmarks[3 * k + 2] * Math.sqrt(scaleX * scaleY);
      rows.push([number + 1, k, ...[x, y, z].map((place) => rounded(place, 3))]);
    }
  }
  return csv(rows);
}

/** The names of the weights that some faces have and that are found well enough to be shown, in their order. */
export function supportedNames(faces: readonly Face[]): string[] {
  const names = new Set(faces.flatMap((face) => Object.keys(face.expressions)));
  for (const face of faces) for (const name of face.unsupported) names.delete(name);
  return [...names];
}

/** Pose in degrees and expression weights of some faces, one a row. */
export function weightsCsv(faces: readonly Face[]): string {
  const names = supportedNames(faces);
  const rows: (string | number)[][] = [['face', 'pitch', 'yaw', 'roll', ...names]];
  for (const [number, { pose, expressions }] of faces.entries()) {
    const angles = [pose.pitch, pose.yaw, pose.roll].map((angle) => rounded(angle, 3));
    rows.push([number + 1, ...angles, ...names.map((name) => rounded(expressions[name] ?? 0, 4))]);
  }
  return csv(rows);
}

/** A recording: seconds, the pose in degrees, and the weights, one moment a row. */
export function takeCsv(take: Take): string {
  const rows: (string | number)[][] = [['seconds', 'pitch', 'yaw', 'roll', ...take.names]];
  for (const moment of take.moments) {
    const angles = moment.angles.map((angle) => rounded(angle, 3));
    const weights = take.names.map((name) => rounded(moment.weights[name] ?? 0, 4));
    rows.push([rounded(moment.seconds, 4), ...angles, ...weights]);
  }
  return csv(rows);
}
