/** What is kept of each face between two frames of a video, and which faces there are. */
import type { Box, Matrix23 } from '../geometry/crop.js';
import { boxSize, overlap } from '../geometry/landmarks.js';
import type { Look } from '../reconstruction/closer-look.js';
import type { Coefficients } from '../reconstruction/expressions.js';
import { OneEuro } from './one-euro.js';
import { Person, type View } from './person.js';
import { RestingFace } from './resting.js';

// The One-Euro filter of a whole position map. Chosen on rendered clips: after the first third of a second a still face
// with sensor noise trembles 4 to 6 times less. A nod is two fifths of a frame late.
const FILTER_MIN_CUTOFF_HZ = 0.3;
const FILTER_BETA = 12; // Hz for a speed of one face size per second
const FILTER_SPEED_CUTOFF_HZ = 1;
const YOUNG_BETA = 3; // beta is larger by this factor at the start of a track, and falls to the above over
const YOUNG_SECONDS = 0.3;
const EXPRESSION_SCALE = 0.1; // face sizes that a change of a weight by 1 counts as in the same filter
const GAZE_SCALE = 0.3; // face sizes that a change of the gaze's direction by 1 counts as in the same filter

// Overlaps are intersections over unions of two landmark boxes.
const SAME_FACE_OVERLAP = 0.3; // a detected face with a larger overlap is the face of that track
const DUPLICATE_OVERLAP = 0.6; // two tracks with a larger overlap follow the same face
const MAX_REAPPEARANCE_DISTANCE = 1; // in face sizes: how far a lost face may have moved
const REAPPEARANCE_SIZE_RATIO = [0.6, 1.6] as const; // how much it may have changed its size
const MAX_UNCONFIRMED_SECONDS = 3; // a track is dropped if the detector has not seen its face for longer
const MAX_LOST_SECONDS = 1; // a face that is found again within this time keeps its id

/** Where a face is in the frame in which a track begins. */
export interface Place {
  /** From the photo to the crop of the next frame. */
  crop: Matrix23;
  /** Around the landmarks. */
  box: Box;
  /** P x 3: points in the face frame. */
  shape: Float64Array;
}

/** The state of one face between two frames. */
export class Track {
  look = 0;
  /** When the detector last saw the face; for a lost track, when it was lost. */
  confirmedAt: number;
  /** Seconds since the face was found. */
  age = 0;
  /** From the photo to the crop of the next frame. */
  crop: Matrix23;
  /** Around the landmarks of the last frame. */
  box: Box;
  /** P x 3: points in the face frame. */
  shape: Float64Array;
  readonly person = new Person();
  coefficients: Coefficients | null = null;
  resting = new RestingFace();
  /** Number of frames in the mean identity. */
  identitySamples = 0;
  private readonly mapFilter = newFilter();
  private readonly irisFilter = newFilter();
  private readonly gazeFilter = newFilter();
  private readonly expressionFilter = newFilter();

  /**
   * @param id of the face
   * @param time of the frame, in seconds
   * @param place of the face
   */
  constructor(
    readonly id: number,
    time: number,
    place: Place,
  ) {
    this.confirmedAt = time;
    this.crop = place.crop;
    this.box = place.box;
    this.shape = place.shape;
  }

  /** Forget the movement so far: the next position map is not smoothed toward the last one. */
  restart(): void {
    const filters = [this.mapFilter, this.irisFilter, this.gazeFilter, this.expressionFilter];
    for (const filter of filters) filter.reset();
    this.age = 0;
  }

  /** Forget all that was averaged. */
  startAnew(): void {
    this.restart();
    this.identitySamples = 0;
    this.resting = new RestingFace();
    this.look++;
  }

  /** The position map, size x size x 3, smoothed over time. */
  smooth(map: Float32Array, dt: number): Float64Array {
    // all frames of a young track weigh the same, as in a mean: the first one is as noisy as the others; but a head that
    // moves is followed closely, because a mean would be late
    this.mapFilter.minCutoff = Math.max(FILTER_MIN_CUTOFF_HZ, 1 / (2 * Math.PI * Math.max(this.age, 1e-3)));
    this.mapFilter.beta = FILTER_BETA * (1 + YOUNG_BETA * Math.max(1 - this.age / YOUNG_SECONDS, 0));
    return this.mapFilter.smooth(map, 3, dt, boxSize(this.box));
  }

  /** Irises, gaze and expressions, smoothed over time. What was not seen before counts as 0 there. */
  smoothLook(look: Look, dt: number): Look {
    // in pixels: the box trembles too, and places in its size would tremble the more, the farther from the corner
    const irises = this.irisFilter.smooth(look.irises, 3, dt, boxSize(this.box));
    const directions = look.gaze.map((value) => GAZE_SCALE * value);
    const gaze = this.gazeFilter.smooth(directions, 3, dt);
    for (const eye of [gaze.subarray(0, 3), gaze.subarray(3, 6)]) {
      const length = Math.hypot(...eye);
      eye.forEach((value, k) => (eye[k] = value / length));
    }
    const weights = look.expressions.map((weight) => (Number.isFinite(weight) ? EXPRESSION_SCALE * weight : 0));
    const expressions = this.expressionFilter
      .smooth(weights, 1, dt)
      .map((weight, k) => (Number.isFinite(look.expressions[k]) ? weight / EXPRESSION_SCALE : NaN));
    return { ...look, irises, gaze, expressions };
  }
}

function newFilter(): OneEuro {
  return new OneEuro({ minCutoff: FILTER_MIN_CUTOFF_HZ, beta: FILTER_BETA, dCutoff: FILTER_SPEED_CUTOFF_HZ });
}

/** The tracks of a video. Times are in seconds since the first frame. */
export class TrackList {
  active: Track[] = [];
  time = 0;
  /** Between the last two frames. */
  dt = 0;
  private lost: Track[] = [];
  private count = 0;

  /** Go to the next frame, and forget the tracks that were lost long before it. */
  advance(dt: number): void {
    this.time += dt;
    this.dt = dt;
    this.lost = this.lost.filter((track) => this.time - track.confirmedAt <= MAX_LOST_SECONDS);
  }

  /** Stop following a track. Its id is kept for a while. */
  lose(track: Track): void {
    this.remove(track);
    track.confirmedAt = this.time;
    this.lost.push(track);
  }

  /** Drop a track that follows the same face as an older one. True if it was dropped. */
  dropDuplicate(track: Track, older: readonly Track[]): boolean {
    const shares = overlap(
      older.map((other) => other.box),
      track.box,
    );
    if (!shares.some((share) => share > DUPLICATE_OVERLAP)) return false;
    this.remove(track);
    return true;
  }

  /** Note that the detector sees a face in a box. False if no track follows this face. */
  confirm(box: Box): boolean {
    const known = this.active.filter((track) => overlap([track.box], box)[0] > SAME_FACE_OVERLAP);
    for (const track of known) track.confirmedAt = this.time;
    return known.length > 0;
  }

  /** Drop the tracks that the detector has not confirmed for too long. */
  dropUnconfirmed(): void {
    this.active = this.active.filter((track) => this.time - track.confirmedAt <= MAX_UNCONFIRMED_SECONDS);
  }

  /** A new track in the place of one whose face is another person's now. */
  replace(track: Track, place: Place): Track {
    const found = this.create(place);
    found.person.doubt = track.person.doubt;
    this.active[this.active.indexOf(track)] = found;
    return found;
  }

  /**
   * The track of this person's face that was lost near a box, or a new track, added to the active ones.
   *
   * @param box of the face that was found, by which the track is found
   * @param view of the face
   * @param place at which the face is followed from now on
   */
  findOrCreate(box: Box, view: View, place: Place): Track {
    const size = boxSize(box);
    const nearest = this.lost
      .map((track) => ({ track, distance: centreDistance(track.box, box) / size }))
      .sort((a, b) => a.distance - b.distance);
    const [low, high] = REAPPEARANCE_SIZE_RATIO;
    const found = nearest.find(({ track, distance }) => {
      const ratio = boxSize(track.box) / size;
      const similar = low < ratio && ratio < high && distance < MAX_REAPPEARANCE_DISTANCE;
      return similar && !track.person.hasLeft(view, true);
    })?.track;
    if (found) {
      this.lost = this.lost.filter((track) => track !== found);
      found.restart();
      found.confirmedAt = this.time;
      found.crop = place.crop;
    }
    const track = found ?? this.create(place);
    this.active.push(track);
    return track;
  }

  private create(place: Place): Track {
    return new Track(this.count++, this.time, place);
  }

  private remove(track: Track): void {
    this.active = this.active.filter((other) => other !== track);
  }
}

/** Distance in pixels between the middles of two boxes. */
function centreDistance(a: Box, b: Box): number {
  return Math.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]) / 2;
}
