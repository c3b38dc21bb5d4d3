/** From a photo to position maps of its faces: detector, crop, network, likelihood. */
import {
  checkPicture,
  cropMatrix,
  invertSimilarity,
  transformPoints,
  viewMatrix,
  warpLevels,
  type Box,
  type Matrix23,
  type Picture,
} from '../geometry/crop.js';
import { landmarkBox } from '../geometry/landmarks.js';
import { decodeMap } from '../uv/encoding.js';
import type { Layout } from '../uv/layout.js';
import type { FaceDetector } from './detection.js';
import { DISTANCE_CURVE, faceLikelihood } from './likelihood.js';

/** Rejects most false alarms of the detector and hardly any face. */
export const MIN_CONFIDENCE = 0.4;

const MAX_BOX_RATIO = 100; // of a given box to the photo

/** One network: LiteRT.js runs it in the browser. */
export interface Model {
  /**
   * @param inputs one flat array for each input; the picture, which has most axes, is the first
   * @returns one flat array for each output, in the order of the file
   */
  run(inputs: Float32Array[]): Promise<Float32Array[]>;
}

/** A face as the first network sees it, before a closer look. */
export interface FirstFace {
  /** size x size x 3: the position map in the photo frame, with mean z 0. */
  map: Float32Array;
  /** From the photo to the crop that the network saw. */
  matrix: Matrix23;
  /** 0 to 1: the detector's score times the likelihood that the shape is that of a face. */
  confidence: number;
  /** The box of the crop, see {@link cropMatrix}. */
  box: Box;
}

export interface LPRNetOptions {
  /** The curve of these weights, see {@link DISTANCE_CURVE}: `doubt` in the description of the network. */
  doubt?: readonly [number, number];
}

/** A network that turns photos into 3D faces. */
export class LPRNet {
  /** Side of the crops and position maps. */
  readonly size: number;
  private readonly doubt: readonly [number, number];

  /**
   * @param layout of the maps
   * @param model takes size x size x 3, RGB, 0 to 1, and answers an encoded map
   * @param detector finds the faces
   * @param options of these weights
   */
  constructor(
    readonly layout: Layout,
    private readonly model: Model,
    readonly detector: FaceDetector,
    options: LPRNetOptions = {},
  ) {
    this.size = layout.size;
    this.doubt = options.doubt ?? DISTANCE_CURVE;
  }

  /**
   * Reconstruct the faces in a photo, without the closer look.
   *
   * @param picture the photo
   * @param maxFaces only the largest faces, at most this many
   * @returns largest first; empty if there is no face. Those under a confidence of 0.4 are dropped
   * @throws FaceError `picture` if the picture has no pixels
   */
  async reconstruct(picture: Picture, maxFaces = Infinity): Promise<FirstFace[]> {
    if (!(maxFaces >= 1)) throw new RangeError(`maxFaces must be at least 1, got ${maxFaces}`);
    const found: FirstFace[] = [];
    for (const { box, angle, score } of await this.detector.detect(picture)) {
      const face = await this.reconstructCrop(picture, box, angle, score);
      if (face.confidence >= MIN_CONFIDENCE) found.push(face);
      if (found.length >= maxFaces) break;
    }
    return found;
  }

  /**
   * Reconstruct the face in a box around its 68 landmarks, without the detector and the closer look.
   *
   * @param picture the photo
   * @param box in pixels of the photo; it may extend beyond the photo
   * @param angle clockwise roll of the face in degrees, if it is far from upright
   * @throws RangeError if the box is empty, not finite, completely outside the photo, or over 100 times as large
   */
  async reconstructInBox(picture: Picture, box: Box, angle = 0): Promise<FirstFace> {
    checkPicture(picture);
    cropMatrix(box, this.size, angle); // throws for a bad box
    const { width, height } = picture;
    const [x0, y0, x1, y1] = box;
    if (x1 < 0 || y1 < 0 || x0 > width - 1 || y0 > height - 1) {
      throw new RangeError(`the box ${box.join(', ')} lies outside the photo of ${width} x ${height} pixels`);
    }
    const sides = x1 - x0 + y1 - y0;
    if (sides < 1 || sides > MAX_BOX_RATIO * (width + height)) {
      throw new RangeError(`the box ${box.join(', ')} does not fit a face in a photo of ${width} x ${height} pixels`);
    }
    return this.reconstructCrop(picture, box, angle, 1);
  }

  /** The position map in the photo frame, of the crop that a matrix cuts out of the photo. Its z is not centred. */
  async predictMap(picture: Picture, matrix: Matrix23): Promise<Float32Array> {
    const crop = warpLevels(picture, matrix, this.size);
    for (let i = 0; i < crop.length; i++) crop[i] /= 255;
    const [code] = await this.model.run([crop]);
    const map = this.layout.smooth(decodeMap(code, this.size));
    return transformPoints(invertSimilarity(matrix), map, 3);
  }

  /** The matrix from the photo to a crop around a map's landmarks that shows the face upright. */
  uprightCrop(map: Float32Array): Matrix23 {
    const { rotation } = this.layout.camera(map);
    const angle = (Math.atan2(rotation[1], rotation[4]) * 180) / Math.PI;
    const turned = viewMatrix([0, 0], 1, 1, angle);
    const box = landmarkBox(transformPoints(turned, Float64Array.from(this.layout.landmarks(map)), 3));
    const middle = Float64Array.of((box[0] + box[2]) / 2, (box[1] + box[3]) / 2);
    const [x, y] = transformPoints(invertSimilarity(turned), middle, 2);
    const [halfWidth, halfHeight] = [(box[2] - box[0]) / 2, (box[3] - box[1]) / 2];
    return cropMatrix([x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight], this.size, angle);
  }

  /** Likelihood, 0 to 1, that a map shows a face, with the curve of these weights. */
  likelihood(map: Float32Array): number {
    return faceLikelihood(map, this.layout, this.doubt);
  }

  private async reconstructCrop(picture: Picture, box: Box, angle: number, score: number): Promise<FirstFace> {
    const matrix = cropMatrix(box, this.size, angle);
    const map = await this.predictMap(picture, matrix);
    this.layout.centreDepth(map);
    return { map, matrix, confidence: score * this.likelihood(map), box: [...box] };
  }
}
