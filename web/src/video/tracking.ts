/**
 * Faces in a sequence of frames: each is detected once, then followed by its own landmarks, smoothed, with an id.
 *
 * Detection takes several times as long as the network. So the detector runs only while no face is known, and now and
 * then to find further faces. A known face is read from a crop around its landmarks of the last frame.
 */
import { viewMatrix, viewParameters, type Matrix23, type Picture } from '../geometry/crop.js';
import { boxSize, landmarkBox } from '../geometry/landmarks.js';
import { meanDistance } from '../geometry/points.js';
import { seenWeights, type CloserLooker, type Look } from '../reconstruction/closer-look.js';
import type { Detection } from '../reconstruction/detection.js';
import type { Coefficients, ShapeFitter } from '../reconstruction/expressions.js';
import { wrapDegrees } from '../reconstruction/fine.js';
import { faceGaze, seenLookWeights } from '../reconstruction/gaze.js';
import { MIN_CONFIDENCE, type LPRNet } from '../reconstruction/lprnet.js';
import type { Layout } from '../uv/layout.js';
import { openness } from '../uv/openings.js';
import { View, ViewPoints } from './person.js';
import { TrackList, type Place, type Track } from './tracks.js';

// Mean distance between the shapes of a face in two frames, without pose. A face that moves fast has up to 1 mm; where
// the face is suddenly gone it is 2.4 mm and more. The agreement of two frames is a logistic function of it.
const SHAPE_CHANGE_MM = 2.2; // where the agreement is a half
const SHAPE_CHANGE_WIDTH_MM = 0.4; // scale of the logistic function
const SHAPE_TEXEL_STEP = 7; // every seventh texel is compared
const REDETECT_CONFIDENCE = 0.5; // below it the detector has to see the face too
const MIN_AGREEMENT = 0.5; // below it the face is reconstructed anew in the detector's box
const RESTART_DISTANCE = 0.25; // in face sizes: a face that jumped further is not smoothed toward its old place
const CROP_SLACK = 0.02; // share of the crop's side that a face may move before its crop does
const SETTLING_PASSES = 2; // for a new face, so that its crop no longer depends on the detector's box
const LOST_SEARCH_INTERVAL_SECONDS = 0.2; // between two searches of the whole frame while no face is known
const SEARCH_INTERVAL_SECONDS = 1; // the same while faces are known: to find others, and to confirm these
const IDENTITY_SECONDS = 0.5; // the identity is averaged over this time and then kept

/** A face in one frame of a video. */
export interface TrackedFace {
  /** Counted from 0; a face keeps it while it is followed, and if it is found again within a second. */
  id: number;
  /** Counted from 0 for each id; a new one where the face suddenly looks as if it were another person's. */
  look: number;
  /**
   * 0 to 1: the likelihood that the map is a face's, times the agreement of its shape with that of the last frame. If
   * that is below 0.5, the detector's score takes the place of the likelihood.
   */
  confidence: number;
  /** Size x size x 3 in the photo frame, smoothed. */
  map: Float32Array;
  /** The same before smoothing: it fits the frame's colours best. */
  rawMap: Float32Array;
  /** What a closer look saw, smoothed; null without one. */
  seen: Look | null;
  /** Expression weights, if asked for; the identity is constant after half a second. */
  coefficients: Coefficients | null;
}

export interface TrackerOptions {
  /** Follow only this many faces, the largest ones; all by default. */
  maxFaces?: number;
  /** Smooth the whole position map with the One-Euro filter; true by default. */
  smooth?: boolean;
  /**
   * Seconds between two searches of the whole frame for further faces, 1 by default; null: no search while a face is
   * followed.
   */
  searchInterval?: number | null;
}

/** A face whose place in a frame is known. */
interface Found {
  track: Track;
  /** Before the closer look. */
  map: Float32Array;
  confidence: number;
}

/** Follows the faces in a video, a webcam or any other sequence of frames. */
export class Tracker {
  private readonly layout: Layout;
  private readonly viewPoints: ViewPoints;
  private readonly maxFaces: number;
  private readonly isSmooth: boolean;
  private readonly searchInterval: number | null;
  private tracks = new TrackList();
  private lastSearch = -Infinity;

  /**
   * @param net finds and reconstructs faces
   * @param looker looks again at eyes and mouth; null for no closer look
   * @param fitter finds expression weights; null for none
   * @param options of the tracker
   * @throws RangeError if `maxFaces` is less than 1
   */
  constructor(
    private readonly net: LPRNet,
    private readonly looker: CloserLooker | null,
    private readonly fitter: ShapeFitter | null,
    { maxFaces = Infinity, smooth = true, searchInterval = SEARCH_INTERVAL_SECONDS }: TrackerOptions = {},
  ) {
    if (!(maxFaces >= 1)) throw new RangeError(`maxFaces must be at least 1, got ${maxFaces}`);
    this.layout = net.layout;
    this.viewPoints = new ViewPoints(net.layout, SHAPE_TEXEL_STEP);
    this.maxFaces = maxFaces;
    this.isSmooth = smooth;
    this.searchInterval = searchInterval;
  }

  /** Forget all faces, before another video. */
  reset(): void {
    this.tracks = new TrackList();
    this.lastSearch = -Infinity;
  }

  /**
   * The faces in the next frame, in the order of their ids. A call must wait for the one before.
   *
   * @param picture the frame. Its pixels must not change until the next call has ended
   * @param dt seconds since the last frame, more than 0
   * @throws RangeError if `dt` is not positive
   * @throws FaceError `picture` if the picture has no pixels
   */
  async track(picture: Picture, dt: number): Promise<TrackedFace[]> {
    if (!(dt > 0 && dt < Infinity)) {
      throw new RangeError(`dt is the time since the last frame in seconds, more than 0; got ${dt}`);
    }
    const { tracks } = this;
    tracks.advance(dt);
    let followed: Found[] = [];
    let lost = false;
    for (const track of [...tracks.active]) {
      const found = await this.follow(track, picture);
      if (!found) {
        tracks.lose(track);
        lost = true;
        continue;
      }
      const older = followed.map((other) => other.track);
      if (!tracks.dropDuplicate(found.track, older)) followed.push(found);
    }
    const interval = tracks.active.length ? this.searchInterval : LOST_SEARCH_INTERVAL_SECONDS;
    if (lost || (interval !== null && tracks.time - this.lastSearch >= interval - 1e-9)) {
      followed.push(...(await this.search(picture)));
      tracks.dropUnconfirmed();
      followed = followed.filter(({ track }) => tracks.active.includes(track));
    }
    const faces: TrackedFace[] = [];
    for (const found of followed.sort((a, b) => a.track.id - b.track.id)) {
      faces.push(await this.finish(found, picture, dt));
    }
    return faces;
  }

  /** A known face in the next frame; null if it is lost. If the face is another person's, the track is a new one. */
  private async follow(track: Track, picture: Picture): Promise<Found | null> {
    const map = await this.net.predictMap(picture, track.crop);
    const view = this.view(picture, track.crop, map);
    const agreement = agreementOf(meanDistance(view.shape, track.shape));
    let confidence = this.net.likelihood(map) * agreement;
    const otherPerson = track.person.hasLeft(view);
    if (confidence < REDETECT_CONFIDENCE || otherPerson) {
      const detected = await this.net.detector.redetect(picture, track.box);
      if (!detected) return null;
      track.confirmedAt = this.tracks.time;
      confidence = detected.score * agreement;
      // the face has moved in the crop, or it is another face
      if (agreement < MIN_AGREEMENT || otherPerson) {
        return this.reconstructAnew(track, picture, detected, otherPerson);
      }
    }
    this.note(track, map, view);
    return { track, map, confidence };
  }

  /** The same as {@link follow}, for a face that the detector has found again. */
  private async reconstructAnew(
    track: Track,
    picture: Picture,
    detected: Detection,
    otherPerson: boolean,
  ): Promise<Found | null> {
    const face = await this.net.reconstructInBox(picture, detected.box, detected.angle);
    const confidence = face.confidence * detected.score;
    if (confidence < MIN_CONFIDENCE) return null;
    const view = this.view(picture, this.net.uprightCrop(face.map), face.map);
    if (track.person.hasLeft(view, !otherPerson)) {
      const settled = await this.settle(picture, face.map);
      const replaced = this.tracks.replace(track, this.place(settled.map, settled.crop, settled.view));
      this.note(replaced, settled.map, settled.view);
      return { track: replaced, map: settled.map, confidence };
    }
    const [x, y] = landmarkBox(this.layout.landmarks(face.map));
    const jump = Math.hypot(x - track.box[0], y - track.box[1]);
    if (jump > RESTART_DISTANCE * boxSize(track.box)) track.restart();
    this.note(track, face.map, view);
    return { track, map: face.map, confidence };
  }

  private view(picture: Picture, crop: Matrix23, map: Float32Array): View {
    return new View(picture, crop, this.net.size, map, this.viewPoints);
  }

  private place(map: Float32Array, crop: Matrix23, view: View): Place {
    return { crop, box: landmarkBox(this.layout.landmarks(map)), shape: view.shape };
  }

  /** The map of a new face in its own upright crop, that crop, and the view of it. */
  private async settle(
    picture: Picture,
    first: Float32Array,
  ): Promise<{ map: Float32Array; crop: Matrix23; view: View }> {
    let map = first;
    for (let pass = 1; ; pass++) {
      const crop = this.net.uprightCrop(map);
      map = await this.net.predictMap(picture, crop);
      if (pass === SETTLING_PASSES) return { map, crop, view: this.view(picture, crop, map) };
    }
  }

  /** Keep the place and the view of a track's face; if it may be another person's, nothing else is kept. */
  private note(track: Track, map: Float32Array, view: View): void {
    if (track.person.mayHaveLeft) track.startAnew();
    track.box = landmarkBox(this.layout.landmarks(map));
    track.shape = view.shape;
    track.person.remember(view, this.tracks.time, this.tracks.dt);
  }

  /** Detect faces in the whole frame, and confirm known tracks. Returns the other faces. */
  private async search(picture: Picture): Promise<Found[]> {
    this.lastSearch = this.tracks.time;
    const found: Found[] = [];
    for (const face of await this.net.reconstruct(picture, this.maxFaces)) {
      // without a closer look: a track is followed by its first maps
      const box = landmarkBox(this.layout.landmarks(face.map));
      if (this.tracks.confirm(box) || this.tracks.active.length >= this.maxFaces) continue;
      const { map, crop, view } = await this.settle(picture, face.map);
      const track = this.tracks.findOrCreate(box, view, this.place(map, crop, view));
      this.note(track, map, view);
      found.push({ track, map, confidence: face.confidence });
    }
    return found;
  }

  /** The map after a closer look, and what was seen. */
  private async lookCloser(picture: Picture, first: Float32Array): Promise<{ map: Float32Array; seen: Look | null }> {
    if (!this.looker) return { map: first, seen: null };
    const { map, look } = await this.looker.look(picture, first);
    if (look.confidence.some((confidence) => confidence > 0)) this.layout.centreDepth(map);
    return { map, seen: look };
  }

  /** Smooth a map, choose the crop of the next frame, and fit expressions if asked for. */
  private async finish({ track, map: first, confidence }: Found, picture: Picture, dt: number): Promise<TrackedFace> {
    const closer = await this.lookCloser(picture, first);
    const rawMap = closer.map;
    const map = Float32Array.from(this.isSmooth ? track.smooth(rawMap, dt) : rawMap);
    this.layout.centreDepth(map);
    track.crop = nextCrop(track.crop, this.net.uprightCrop(map), this.net.size);
    const joined = closer.seen && this.fitter ? this.fitter.join(closer.seen) : closer.seen;
    const seen = joined && this.isSmooth ? track.smoothLook(joined, dt) : joined;
    if (this.fitter) this.fit(this.fitter, track, map, seen, dt);
    track.age += dt;
    const { id, look, coefficients } = track;
    return { id, look, confidence, map, rawMap, seen, coefficients };
  }

  /** Fit expression weights. The identity is the mean over the first frames, and then constant. */
  private fit(fitter: ShapeFitter, track: Track, map: Float32Array, look: Look | null, dt: number): void {
    const seen = track.resting.update(look ? seenExpressions(look, map, this.layout) : {}, dt);
    const samples = track.identitySamples;
    const last = samples ? track.coefficients : null;
    if (last && track.age >= IDENTITY_SECONDS) {
      track.coefficients = fitter.fitExpression(map, last, seen);
      return;
    }
    let found = fitter.fit(map, seen);
    if (last) {
      const mean = last.identity.map((value, k) => value + (found.identity[k] - value) / (samples + 1));
      found = fitter.fitExpression(map, { ...found, identity: mean }, seen);
    }
    track.coefficients = found;
    track.identitySamples = samples + 1;
  }
}

/** Agreement, 0 to 1, of two shapes at a mean distance in mm. */
function agreementOf(change: number): number {
  return 1 / (1 + Math.exp(Math.min((change - SHAPE_CHANGE_MM) / SHAPE_CHANGE_WIDTH_MM, 50)));
}

/**
 * The last crop, moved toward the upright crop around a map's landmarks by what exceeds the slack.
 *
 * The network's output depends slightly on the place of the face in the crop. Without slack the crop would react to each
 * output and each output to the crop, and a still face would drift.
 *
 * @param last matrix of the last crop
 * @param upright matrix of the upright crop around the map's landmarks
 * @param size side of both crops
 */
export function nextCrop(last: Matrix23, upright: Matrix23, size: number): Matrix23 {
  const old = viewParameters(last, size);
  const found = viewParameters(upright, size);
  const [x, y] = [found.centre[0] - old.centre[0], found.centre[1] - old.centre[1]];
  const length = Math.max(Math.hypot(x, y), 1e-9);
  const share = excess(length, CROP_SLACK * old.side) / length;
  const side = old.side * Math.exp(excess(Math.log(found.side / old.side), CROP_SLACK));
  const rotation = wrapDegrees(found.angle - old.angle);
  const angle = old.angle + excess(rotation, (2 * CROP_SLACK * 180) / Math.PI);
  return viewMatrix([old.centre[0] + share * x, old.centre[1] + share * y], side, size, angle);
}

/** The part of a movement that exceeds the slack. */
function excess(value: number, slack: number): number {
  return Math.sign(value) * Math.max(Math.abs(value) - slack, 0);
}

/** The expression weights that a closer look saw, by name; those of the gaze of eyes that are seen and open. */
function seenExpressions(look: Look, map: Float32Array, layout: Layout): Record<string, number> {
  const camera = layout.camera(map, 1);
  const open = openness(camera.unproject(map), layout);
  return { ...seenWeights(look), ...seenLookWeights(faceGaze(look, open, camera)) };
}
