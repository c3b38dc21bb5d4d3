/**
 * Is a face in a video still the same person's? Cuts from one person to another in the same place are noticed by it.
 *
 * A position map says which pixel shows which place of the face, so the colours of two frames can be compared place by
 * place, whatever the head does in between. Exposure and smooth light are divided out. What is left, brows, lips, beard
 * and hair, is nearly the same in two frames of a person, and differs between two people.
 */
import { dot, solve } from '../common/linear.js';
import { Camera, rotationDistance } from '../geometry/camera.js';
import { warpImage, type Matrix23, type Picture } from '../geometry/crop.js';
import { everyPoint, meanDistance } from '../geometry/points.js';
import type { Layout } from '../uv/layout.js';

const VIEW_SIZE = 48; // side of the crop whose colours are compared: what is finer changes with noise and compression
const COLOR_STEP = 3; // every third of the compared texels has its colour compared
const MIN_FACING = 0.2; // cosine to the camera from which a texel's colour counts
const MIN_OVERLAP = 0.15; // share of the face that two views must both show
const GREY_OFFSET = 10; // added before a logarithm, in grey levels: the noise of dark pixels counts less
const SAME_SHAPE_MM = 0.7; // distance of the two shapes up to which nothing else is compared
const UNCHANGED = 0.18; // change of the crop, in its standard deviation, up to which nothing else is compared
const LIGHT_UNIT_MM = 80; // of the coordinates of which smooth light is a function
const LIGHTS = 6; // functions that make smooth light

// The logit that two views show two people: a weighted sum of View.differences, fitted by
// scripts/calibration/person_change.py to pairs of views of one person and of two.
const LOGIT = 8.67;
const WEIGHTS = [-4.34, 3.88, 1.68, -0.08, 1.01];
const OTHER_PERSON = 0.4; // above this logit it is another person
const MAYBE_OTHER_PERSON = -1.25; // above this one it may be: then nothing of before is averaged in
const FOUND_AGAIN_OTHER = 1.2; // above this one it is another person, if the face was lost for a moment
const UNCLEAR = 0; // logit of two views that hardly show the same parts, as from the left and from the right
const NO_DOUBT = -3;
const DOUBT_SECONDS = 2; // over which a doubt is forgotten
const OLDER_VIEW_SECONDS = 0.3; // between two older views that a new one is compared with
const OLDER_VIEWS = 3;

// luminance of red, green and blue in 2^-15
const GREY = [9798, 19235, 3735];
const GREY_BITS = 15;

const LOGARITHMS = Float64Array.from({ length: 256 }, (_, level) => Math.log(level + GREY_OFFSET));

/** The texels whose colours and places are compared, and what is known of them on the mean face. */
export class ViewPoints {
  /** P x 3: the compared texels of the mean face, in mm. */
  readonly mean: Float32Array;
  /** Q x 3: unit normals of the texels whose colours are compared. */
  readonly normals: Float64Array;
  /** Q x 6: functions of the place; smooth light is a sum of these. */
  readonly light: Float64Array;

  /**
   * @param layout of the maps
   * @param step every step-th surface texel is compared
   */
  constructor(
    readonly layout: Layout,
    readonly step: number,
  ) {
    this.mean = layout.points(layout.meanMap, step);
    const texels = layout.texels.filter((_, k) => k % (step * COLOR_STEP) === 0);
    this.normals = new Float64Array(3 * texels.length);
    texels.forEach((texel, k) => this.normals.set(normalAt(layout, texel), 3 * k));
    const colored = everyPoint(this.mean, COLOR_STEP);
    this.light = new Float64Array(LIGHTS * texels.length);
    for (let k = 0; k < texels.length; k++) {
      const [x, y, z] = colored.subarray(3 * k, 3 * k + 3).map((value) => value / LIGHT_UNIT_MM);
      this.light.set([1, x, y, z, x * x, y * y], LIGHTS * k);
    }
  }
}

/** The unit normal of the mean face at a texel, from its neighbours. */
function normalAt({ meanMap, size }: Layout, texel: number): [number, number, number] {
  const slope = (place: number, step: number): number[] => {
    const [low, high] = [place > 0 ? step : 0, place < size - 1 ? step : 0];
    const distance = (low + high) / step;
    return [0, 1, 2].map((axis) => (meanMap[3 * (texel + high) + axis] - meanMap[3 * (texel - low) + axis]) / distance);
  };
  const down = slope(Math.floor(texel / size), size);
  const right = slope(texel % size, 1);
  const normal = [0, 1, 2].map((axis) => {
    const [a, b] = [(axis + 1) % 3, (axis + 2) % 3];
    return down[a] * right[b] - down[b] * right[a];
  });
  const length = Math.max(Math.hypot(...normal), 1e-9);
  return [normal[0] / length, normal[1] / length, normal[2] / length];
}

/** What of a view's colours is compared. */
interface Colors {
  /** Q: how much each texel faces the camera; 0 outside the crop. */
  weight: Float64Array;
  /** Q x 3: logarithms of the colours. */
  logarithms: Float64Array;
  /** Q: what smooth light does not explain of the brightness. */
  pattern: Float64Array;
}

/** A face in one frame: a small crop of it, and where its places are. What is seldom needed is computed when asked for. */
export class View {
  readonly camera: Camera;
  /** P x 3: the compared texels in the face frame, in mm. */
  readonly shape: Float64Array;
  private readonly matrix: Matrix23; // from the photo to the small crop
  private readonly places: Float32Array; // Q x 3 in the photo
  private picture: Picture | null;
  private smallCrop: Uint8Array | null = null;
  private smallGrey: Float32Array | null = null;
  private comparedColors: Colors | null = null;

  /**
   * @param picture the frame; its pixels must not change until {@link releasePicture}, or while the view is in use
   * @param crop from the frame to the crop that the network saw
   * @param cropSize side of that crop
   * @param map size x size x 3 in the photo frame
   * @param points the texels that are compared
   */
  constructor(
    picture: Picture,
    crop: Matrix23,
    cropSize: number,
    map: Float32Array,
    private readonly points: ViewPoints,
  ) {
    const places = points.layout.points(map, points.step);
    this.camera = Camera.fit(points.mean, places);
    this.shape = this.camera.unproject(places);
    const scale = VIEW_SIZE / cropSize;
    this.matrix = crop.map((value, k) => scale * value + (k % 3 === 2 ? (scale - 1) / 2 : 0));
    this.places = everyPoint(places, COLOR_STEP);
    this.picture = picture;
  }

  /** The logit that an earlier view shows another person; below 0 it is likely the same one. */
  otherPerson(earlier: View): number {
    // nearly all pairs of frames end here, because the crops cost more
    if (meanDistance(this.shape, earlier.shape) <= SAME_SHAPE_MM) return -Infinity;
    if (this.change(earlier) <= UNCHANGED) return -Infinity;
    const differences = this.differences(earlier);
    return differences ? LOGIT + dot(WEIGHTS, differences) : UNCLEAR;
  }

  /**
   * How this view differs from an earlier one; null if they hardly show the same parts of the face.
   *
   * @returns 5: the correlation of the two patterns (its inverse hyperbolic tangent), the distance of the two shapes in
   *   mm, the difference of the skin tones, the angle between the poses in degrees, because a turned head is harder to
   *   compare, and the change of the crop. Of distance, tone and change it is the logarithm
   */
  differences(earlier: View): Float64Array | null {
    const [one, two] = [this.colors, earlier.colors];
    const weight = one.weight.map((value, k) => value * two.weight[k]);
    const total = weight.reduce((sum, value) => sum + value, 0);
    if (total < MIN_OVERLAP * weight.length) return null;
    const tone = [0, 0, 0];
    weight.forEach((value, k) => {
      for (let channel = 0; channel < 3; channel++) {
        tone[channel] += (value * (one.logarithms[3 * k + channel] - two.logarithms[3 * k + channel])) / total;
      }
    });
    const [red, green, blue] = tone;
    const correlation = Math.min(Math.max(weightedCorrelation(one.pattern, two.pattern, weight), -0.5), 0.995);
    return Float64Array.of(
      Math.atanh(correlation),
      Math.log(Math.max(meanDistance(this.shape, earlier.shape), 0.1)),
      Math.log(Math.abs(red - green) + Math.abs(blue - green) + 0.02),
      rotationDistance(this.camera.rotation, earlier.camera.rotation),
      Math.log(this.change(earlier) + 0.02),
    );
  }

  /** Keep the small crop instead of the frame. */
  releasePicture(): void {
    this.smallCrop = this.crop;
    this.picture = null;
  }

  /** Mean difference of the grey levels of two crops. */
  private change(earlier: View): number {
    const [one, two] = [this.grey, earlier.grey];
    let sum = 0;
    for (let i = 0; i < one.length; i++) sum += Math.abs(one[i] - two[i]);
    return sum / one.length;
  }

  /** VIEW_SIZE x VIEW_SIZE x 3. */
  private get crop(): Uint8Array {
    if (!this.smallCrop) {
      if (!this.picture) throw new Error('a view has neither its frame nor its crop');
      this.smallCrop = warpImage(this.picture, this.matrix, VIEW_SIZE);
    }
    return this.smallCrop;
  }

  /** The crop in grey, with mean 0 and standard deviation 1, or less if it is nearly uniform. */
  private get grey(): Float32Array {
    this.smallGrey ??= normalisedGrey(this.crop);
    return this.smallGrey;
  }

  private get colors(): Colors {
    this.comparedColors ??= this.readColors();
    return this.comparedColors;
  }

  private readColors(): Colors {
    const { crop, places, matrix } = this;
    const { normals, light } = this.points;
    const row = this.camera.rotation.subarray(6, 9); // the face frame's direction to the camera
    const count = places.length / 3;
    const weight = new Float64Array(count);
    const logarithms = new Float64Array(3 * count);
    const last = VIEW_SIZE - 1;
    for (let k = 0; k < count; k++) {
      const [u, v] = [places[3 * k], places[3 * k + 1]];
      const x = matrix[0] * u + matrix[1] * v + matrix[2];
      const y = matrix[3] * u + matrix[4] * v + matrix[5];
      const facing = normals[3 * k] * row[0] + normals[3 * k + 1] * row[1] + normals[3 * k + 2] * row[2];
      if (x >= 0 && y >= 0 && x <= last && y <= last && facing > MIN_FACING) weight[k] = facing;
      for (let channel = 0; channel < 3; channel++) {
        logarithms[3 * k + channel] = LOGARITHMS[Math.floor(bilinear(crop, x, y, channel) + 0.5)];
      }
    }
    return { weight, logarithms, pattern: patternOf(logarithms, weight, light) };
  }
}

/** A channel of a small crop at a place; beyond the edge, its pixels are repeated. */
function bilinear(crop: Uint8Array, x: number, y: number, channel: number): number {
  const last = VIEW_SIZE - 1;
  const [u, v] = [Math.min(Math.max(x, 0), last), Math.min(Math.max(y, 0), last)];
  const [x0, y0] = [Math.min(Math.floor(u), last - 1), Math.min(Math.floor(v), last - 1)];
  const [a, b] = [u - x0, v - y0];
  const p = 3 * (VIEW_SIZE * y0 + x0) + channel;
  const q = p + 3 * VIEW_SIZE;
  return (1 - b) * ((1 - a) * crop[p] + a * crop[p + 3]) + b * ((1 - a) * crop[q] + a * crop[q + 3]);
}

function normalisedGrey(crop: Uint8Array): Float32Array {
  const out = new Float32Array(crop.length / 3);
  const half = 1 << (GREY_BITS - 1);
  let sum = 0;
  let squares = 0;
  for (let i = 0, k = 0; i < out.length; i++, k += 3) {
    const level = (GREY[0] * crop[k] + GREY[1] * crop[k + 1] + GREY[2] * crop[k + 2] + half) >> GREY_BITS;
    out[i] = level;
    sum += level;
    squares += level * level;
  }
  const mean = sum / out.length;
  const deviation = Math.sqrt(Math.max(squares / out.length - mean * mean, 0));
  return out.map((level) => (level - mean) / (deviation + 2));
}

/** What a weighted sum of the functions of light (Q x 6) does not explain of the brightness of colours (Q x 3). */
function patternOf(logarithms: Float64Array, weight: Float64Array, light: Float64Array): Float64Array {
  const grey = weight.map((_, k) => (logarithms[3 * k] + logarithms[3 * k + 1] + logarithms[3 * k + 2]) / 3);
  const matrix = new Float64Array(LIGHTS * LIGHTS);
  const right = new Float64Array(LIGHTS);
  for (let i = 0; i < LIGHTS; i++) matrix[i * LIGHTS + i] = 1e-3;
  weight.forEach((value, k) => {
    if (!value) return;
    for (let i = 0; i < LIGHTS; i++) {
      const weighted = value * light[LIGHTS * k + i];
      right[i] += weighted * grey[k];
      for (let j = 0; j < LIGHTS; j++) matrix[i * LIGHTS + j] += weighted * light[LIGHTS * k + j];
    }
  });
  const fit = solve(matrix, right, LIGHTS);
  return grey.map((value, k) => value - dot(fit, light.subarray(LIGHTS * k, LIGHTS * (k + 1))));
}

function weightedCorrelation(a: Float64Array, b: Float64Array, weight: Float64Array): number {
  const total = weight.reduce((sum, value) => sum + value, 0);
  const [meanA, meanB] = [dot(weight, a) / total, dot(weight, b) / total];
  let [aa, bb, ab] = [0, 0, 0];
  weight.forEach((value, k) => {
    const [x, y] = [a[k] - meanA, b[k] - meanB];
    aa += value * x * x;
    bb += value * y * y;
    ab += value * x * y;
  });
  return ab / Math.max(Math.sqrt(aa * bb), 1e-9);
}

/** The views of one person, to notice when another one has the place. */
export class Person {
  /** Highest logit of late: blurred and badly compressed videos raise doubts again and again. */
  doubt = NO_DOUBT;
  private older: { time: number; view: View }[] = []; // times are in seconds
  private logit = -Infinity; // of the last comparison
  private known: View[] = []; // those to compare with

  /**
   * Whether a view shows another person: neither the last view nor an older one agrees with it.
   *
   * @param view of the present frame
   * @param foundAgain the face was lost, or is reconstructed in another crop, so that its shape differs more
   */
  hasLeft(view: View, foundAgain = false): boolean {
    this.logit = this.known.length ? Infinity : -Infinity;
    for (const known of this.known) {
      if (this.logit <= MAYBE_OTHER_PERSON) break; // it is settled
      this.logit = Math.min(this.logit, view.otherPerson(known));
    }
    return this.logit > (foundAgain ? FOUND_AGAIN_OTHER : OTHER_PERSON) + this.doubt - NO_DOUBT;
  }

  /** Whether the last view compared may show another person, or the same one in a new light. */
  get mayHaveLeft(): boolean {
    return this.logit > Math.max(MAYBE_OTHER_PERSON, this.doubt + 1);
  }

  /**
   * Keep the view of a frame.
   *
   * @param view of the frame
   * @param time of the frame, in seconds
   * @param dt seconds since the last frame
   */
  remember(view: View, time: number, dt: number): void {
    this.doubt = Math.max(NO_DOUBT + (this.doubt - NO_DOUBT) * Math.exp(-dt / DOUBT_SECONDS), this.logit);
    const last = this.older.at(-1);
    if (!last || time - last.time >= OLDER_VIEW_SECONDS) {
      view.releasePicture();
      this.older = [...this.older, { time, view }].slice(-OLDER_VIEWS);
    }
    this.known = [view, ...this.older.map((entry) => entry.view).reverse()].filter((v, k) => k === 0 || v !== view);
  }
}
