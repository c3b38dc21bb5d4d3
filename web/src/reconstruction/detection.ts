/**
 * Find faces in two stages, and estimate the box of their 68 landmarks.
 *
 * The coarse stage (`coarse.ts`) runs BlazeFace on the whole photo or on tiles of it and yields candidates. The fine
 * stage (`fine.ts`) runs the small BlazeFace network on a crop around each candidate. It rejects false alarms, and it
 * measures how far the face is turned and where its box is.
 *
 * If no face is found, a last pass looks for one that the photo's edge cuts. Both stages then see grey beyond the edge.
 */
import { checkPicture, roundHalfEven, type Box, type Picture } from '../geometry/crop.js';
import { overlap } from '../geometry/landmarks.js';
import { SAME_FACE_IOU, type BlazeFace } from './blazeface.js';
import { coarsePasses, detectInPhoto, shareBeyond, type Candidate } from './coarse.js';
import { boxRegressionFeatures, cropToPhoto, refineCandidate } from './fine.js';

const TRACKED_COARSE_SCORE = 0.7; // stands in for the coarse score of a face that the previous frame showed
const MIN_SCORE = 0.58; // mean score of the two stages
const MIN_TURNED_SCORE = 0.65; // the same for a face turned by over 45 degrees: rare, and many textures look like one
const MIN_CUT_SCORE = 0.54; // the same for a face that the photo's edge cuts: less of it is there to see
const MAX_CUT_ROLL = 30; // degrees: what is turned further at the edge is seldom a face
const MIN_CUT_CANDIDATE = 0.1; // of a side: so far a cut face's candidate box reaches beyond the photo
const MIN_CUT_BOX = 0.05; // the same for its landmarks' box
const CUT_VIEW_SCALE = 1.5; // side of the coarse stage's view for cut faces in longer sides of the photo
const FEATURES = 13; // of the regression of the landmarks' box

/** A face in a photo. */
export interface Detection {
  /**
   * The estimated box of the 68 landmarks in pixels; it may reach beyond the photo. If the face is turned, it is the box
   * after turning the face upright about the box's centre, so that `cropMatrix(box, size, angle)` shows it upright.
   */
  box: Box;
  /** The mean score of the two stages: 0.58 to 1, or from 0.54 if the photo's edge cuts the face. */
  score: number;
  /** 6 x 2 in pixels of the photo: left eye, right eye, nose tip, mouth, left ear, right ear (of the image). */
  keypoints: Float64Array;
  /** Clockwise roll of the face in the photo in degrees, -180 to 180; 0 if it is less than 10. */
  angle: number;
}

/** Finds faces in a photo, with the box for the network's crop. */
export class FaceDetector {
  /**
   * @param coarse the network of the coarse stage
   * @param fine the `short` network; it may be the same one
   * @param boxMap 13 x 4, from a detector's box and keypoints to the box of the landmarks; `box_map` of `face.bin`
   * @throws RangeError if the map has another shape
   */
  constructor(
    private readonly coarse: BlazeFace,
    private readonly fine: BlazeFace,
    private readonly boxMap: ArrayLike<number>,
  ) {
    if (boxMap.length !== 4 * FEATURES) {
      throw new RangeError(`the map to landmarks' boxes has ${4 * FEATURES} values, got ${boxMap.length}`);
    }
  }

  /**
   * Find the faces in a photo that are at least a twentieth of its height, largest first.
   *
   * @throws FaceError `picture` if the picture has no pixels
   */
  async detect(picture: Picture): Promise<Detection[]> {
    checkPicture(picture);
    let found: Detection[] = [];
    const seen: Candidate[][] = [];
    for await (const candidates of coarsePasses(this.coarse, picture)) {
      await this.addConfirmed(found, picture, candidates);
      if (found.length) break;
      seen.push(candidates);
    }
    // candidates of the two upright passes
    if (!found.length) found = await this.findCutFaces(picture, [...seen[0], ...seen[1]]);
    // people who are upside down in the photo are seldom alone, and an upright pass finds only some of them
    const quarterTurns = new Set(found.map((face) => (((90 * roundHalfEven(face.angle / 90)) % 360) + 360) % 360));
    for (const turn of [90, 180, 270].filter((angle) => quarterTurns.has(angle))) {
      await this.addConfirmed(found, picture, await detectInPhoto(this.coarse, picture, turn));
    }
    return found.sort((a, b) => area(b.box) - area(a.box));
  }

  /** The face near its box in the previous frame, or null; it uses the fine stage alone: a sixth of the cost. */
  async redetect(picture: Picture, box: Box): Promise<Detection | null> {
    return this.confirm(picture, {
      score: TRACKED_COARSE_SCORE,
      centre: [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2],
      side: (box[2] - box[0] + (box[3] - box[1])) / 2,
    });
  }

  /** Extend `found` by the candidates that the fine stage confirms and that are not in it yet. */
  private async addConfirmed(found: Detection[], picture: Picture, candidates: Candidate[]): Promise<void> {
    for (const candidate of [...candidates].sort((a, b) => b.side - a.side)) {
      // a face that is already found: skip the fine stage
      if (overlapsAny(found, candidateBox(candidate), 2 * SAME_FACE_IOU)) continue;
      const face = await this.confirm(picture, candidate);
      if (face && !overlapsAny(found, face.box, SAME_FACE_IOU)) found.push(face);
    }
  }

  /** The upright faces that the photo's edge cuts, from candidates of other passes and of a wider view. */
  private async findCutFaces(picture: Picture, candidates: Candidate[]): Promise<Detection[]> {
    const wider = await detectInPhoto(this.coarse.framed(), picture, 0, CUT_VIEW_SCALE);
    const confirmed: Detection[] = [];
    for (const candidate of [...candidates, ...wider]) {
      if (shareBeyond(picture, candidate.centre, [candidate.side, candidate.side]) < MIN_CUT_CANDIDATE) continue;
      const face = await this.confirm(picture, candidate, true);
      if (face) confirmed.push(face);
    }
    const found: Detection[] = [];
    for (const face of confirmed.sort((a, b) => b.score - a.score)) {
      if (!overlapsAny(found, face.box, SAME_FACE_IOU)) found.push(face);
    }
    return found;
  }

  /** The face at a candidate's box, if the fine stage sees one there. */
  private async confirm(picture: Picture, candidate: Candidate, cut = false): Promise<Detection | null> {
    const net = cut ? this.fine.framed() : this.fine;
    const fine = await refineCandidate(net, picture, candidate.centre, candidate.side);
    if (!fine) return null;
    const score = (candidate.score + fine.score) / 2;
    const minScore = cut ? MIN_CUT_SCORE : Math.abs(fine.angle) <= 45 ? MIN_SCORE : MIN_TURNED_SCORE;
    if (score < minScore || (cut && Math.abs(fine.angle) > MAX_CUT_ROLL)) return null;
    const box = this.landmarkBox(fine.points);
    const [x, y] = cropToPhoto(fine.matrix, Float64Array.of((box[0] + box[2]) / 2, (box[1] + box[3]) / 2));
    const scale = Math.hypot(fine.matrix[0], fine.matrix[1]);
    const [halfWidth, halfHeight] = [(box[2] - box[0]) / 2 / scale, (box[3] - box[1]) / 2 / scale];
    if (!(halfWidth > 0 && halfHeight > 0)) return null; // the keypoints are not those of a face
    if (cut && shareBeyond(picture, [x, y], [2 * halfWidth, 2 * halfHeight]) < MIN_CUT_BOX) return null;
    return {
      box: [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight],
      score,
      keypoints: cropToPhoto(fine.matrix, fine.points.subarray(4)),
      angle: fine.angle,
    };
  }

  /** The box of the landmarks in the crop, from the detector's points, 8 x 2, in the crop. */
  private landmarkBox(points: Float64Array): Box {
    const { features, centre, side } = boxRegressionFeatures(points);
    const box: Box = [0, 0, 0, 0];
    for (let k = 0; k < 4; k++) {
      for (let i = 0; i < FEATURES; i++) box[k] += features[i] * this.boxMap[4 * i + k];
      box[k] = box[k] * side + centre[k % 2];
    }
    return box;
  }
}

function overlapsAny(found: readonly Detection[], box: Box, minimum: number): boolean {
  return overlap(
    found.map((face) => face.box),
    box,
  ).some((share) => share > minimum);
}

function candidateBox({ centre: [x, y], side }: Candidate): Box {
  return [x - side / 2, y - side / 2, x + side / 2, y + side / 2];
}

function area(box: Box): number {
  return (box[2] - box[0]) * (box[3] - box[1]);
}
