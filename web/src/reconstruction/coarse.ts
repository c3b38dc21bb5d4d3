/** The coarse stage of face detection: BlazeFace on the whole photo, and on tiles of it. */
import { viewMatrix, type Picture } from '../geometry/crop.js';
import type { BlazeFace } from './blazeface.js';
import { cropToPhoto } from './fine.js';

const MIN_COARSE_SCORE = 0.3; // of a candidate: small faces score low in the coarse stage and high in the fine stage
const SMALL_FACE_SHARE = 0.12; // of the photo's longer side: if no face is larger, tiles may show still smaller ones
const TILE_OVERLAP = 0.3; // share of a tile's side that the next tile covers too
const OBLONG = 1.2; // longer side over shorter side

/** A box that the coarse stage found, in pixels of the photo. */
export interface Candidate {
  score: number;
  centre: [number, number];
  side: number;
}

/** Candidates of the coarse stage, one list per pass; the caller stops after the first pass with a face. */
export async function* coarsePasses(net: BlazeFace, picture: Picture): AsyncGenerator<Candidate[]> {
  const { width, height } = picture;
  const extent = Math.max(width, height);
  const shorter = Math.min(width, height);
  const found = await detectInPhoto(net, picture);
  // An oblong photo is reduced more than its shorter side needs. If its faces are small, search square tiles too.
  const hasLargeFace = found.some((candidate) => candidate.side > SMALL_FACE_SHARE * extent);
  if (!hasLargeFace && extent > OBLONG * shorter && OBLONG * shorter >= net.size) {
    found.push(...(await detectInTiles(net, picture, shorter)));
  }
  yield found;
  // at half the size, for a face that fills the photo; then turned
  yield await detectInPhoto(net, picture, 0, 2);
  for (const angle of [90, -90, 180]) yield await detectInPhoto(net, picture, angle);
}

/** Candidates in the whole photo, turned back by an angle, in a square of `scale` times its longer side. */
export function detectInPhoto(net: BlazeFace, picture: Picture, angle = 0, scale = 1): Promise<Candidate[]> {
  const { width, height } = picture;
  return detectInSquare(net, picture, [(width - 1) / 2, (height - 1) / 2], scale * Math.max(width, height), angle);
}

/** Candidates in overlapping square tiles of a side that cover the photo. */
async function detectInTiles(net: BlazeFace, picture: Picture, side: number): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const y of tileStarts(picture.height, side)) {
    for (const x of tileStarts(picture.width, side)) {
      found.push(...(await detectInSquare(net, picture, [x + (side - 1) / 2, y + (side - 1) / 2], side, 0)));
    }
  }
  return found;
}

/** Where tiles of a side begin that cover a length. */
function tileStarts(length: number, side: number): number[] {
  const count = Math.max(Math.ceil((length - TILE_OVERLAP * side) / ((1 - TILE_OVERLAP) * side) - 1e-6), 1);
  if (count === 1) return [(length - side) / 2];
  return Array.from({ length: count }, (_, k) => (k * (length - side)) / (count - 1));
}

/** How far a box reaches beyond the photo, in shares of its mean side: negative if it lies within. */
export function shareBeyond(
  picture: Picture,
  centre: readonly [number, number],
  size: readonly [number, number],
): number {
  const last = [picture.width - 1, picture.height - 1];
  const beyond = [0, 1].map((k) => Math.max(size[k] / 2 - centre[k], centre[k] + size[k] / 2 - last[k]));
  return Math.max(...beyond) / ((size[0] + size[1]) / 2);
}

async function detectInSquare(
  net: BlazeFace,
  picture: Picture,
  middle: [number, number],
  side: number,
  angle: number,
): Promise<Candidate[]> {
  const matrix = viewMatrix(middle, side, net.size, angle);
  const faces = await net.detect(picture, matrix, MIN_COARSE_SCORE);
  return faces.map(({ score, points: p }) => {
    const [x, y] = cropToPhoto(matrix, Float64Array.of((p[0] + p[2]) / 2, (p[1] + p[3]) / 2));
    return { score, centre: [x, y], side: ((p[2] - p[0] + (p[3] - p[1])) / 2) * (side / net.size) };
  });
}
