/**
 * The networks and what is computed from their answers, joined: pixels in, faces out. It runs in the worker.
 */
import { readArrays, type ArrayFile } from '../common/arrays.js';
import type { Picture } from '../geometry/crop.js';
import { BlazeFace } from '../reconstruction/blazeface.js';
import { CloserLooker, seenWeights, type Look } from '../reconstruction/closer-look.js';
import { FaceDetector } from '../reconstruction/detection.js';
import { ShapeFitter, type Coefficients } from '../reconstruction/expressions.js';
import { seenLookWeights } from '../reconstruction/gaze.js';
import { LPRNet, type FirstFace, type Model } from '../reconstruction/lprnet.js';
import type { Face, FaceMesh, Tracking } from '../types.js';
import { Layout } from '../uv/layout.js';
import { Regions } from '../uv/regions.js';
import { Tracker } from '../video/tracking.js';
import { bareFace, expressionsOf } from './face.js';
import type { WorkerOptions } from './messages.js';
import type { Pixels } from './picture.js';
import { StopWatch } from './stop-watch.js';

const FACE = 'face.bin';
const FIT = 'fit.bin';
const NETWORK = 'open.bin';
const DETECTORS = ['blazeface_back.tflite', 'blazeface_short.tflite'] as const;
const LOOKERS = ['eye.bin', 'mouth.bin'] as const;
/** Networks that have to be unpacked before they are compiled. */
export const PACKED: readonly string[] = [NETWORK, ...LOOKERS];
const USUAL_FRAME_SECONDS = 1 / 30;

/** What of a tracker's options the engine needs. */
export type EngineOptions = Pick<WorkerOptions, 'maxFaces' | 'closerLook' | 'expressions' | 'smooth'>;

/** Makes a network of a file; `map` is the large one, which answers position maps. */
export type Compile = (name: string, role: 'map' | 'small') => Promise<Model>;

/** The names of the files that an engine with these options takes, beside the runtime's. */
export function fileNames(options: EngineOptions): string[] {
  return [FACE, NETWORK, ...DETECTORS, ...(options.closerLook ? LOOKERS : []), ...(options.expressions ? [FIT] : [])];
}

/** Finds faces in photos, and follows them through a video. */
export class Engine {
  private last: number | null = null;

  private constructor(
    private readonly options: EngineOptions,
    private readonly face: ArrayFile,
    private readonly net: LPRNet,
    private readonly looker: CloserLooker | null,
    private readonly fitter: ShapeFitter | null,
    private readonly tracker: Tracker,
    private readonly watch: StopWatch,
  ) {}

  /**
   * Makes an engine of its files.
   *
   * @param options of the tracker
   * @param take gives the bytes of a file by its name; each is asked for once
   * @param compile makes a network of a file
   */
  static async create(options: EngineOptions, take: (name: string) => ArrayBuffer, compile: Compile): Promise<Engine> {
    const watch = new StopWatch();
    const face = readArrays(take(FACE));
    const layout = Layout.from(face);
    const [coarse, fine] = [await compile(DETECTORS[0], 'small'), await compile(DETECTORS[1], 'small')];
    const boxMap = face.float64('box_map');
    const detector = new FaceDetector(new BlazeFace(coarse, 'back'), new BlazeFace(fine, 'short'), boxMap);
    const { doubt } = modelOf(face) as { doubt?: [number, number] };
    const net = new LPRNet(
      layout,
      await compile(NETWORK, 'map'),
      watch.watch(detector, 'detect', 'detect', 'redetect'),
      { doubt },
    );
    watch.watch(net, 'network', 'predictMap');
    const looker = options.closerLook ? await Engine.looker(layout, compile) : null;
    if (looker) watch.watch(looker, 'closerLook', 'look');
    const fitter = options.expressions ? ShapeFitter.from(readArrays(take(FIT)), layout) : null;
    if (fitter) watch.watch(fitter, 'expressions', 'join', 'fit', 'fitExpression');
    const { maxFaces, smooth } = options;
    const tracker = new Tracker(net, looker, fitter, { maxFaces, smooth });
    return new Engine(options, face, net, looker, fitter, tracker, watch);
  }

  private static async looker(layout: Layout, compile: Compile): Promise<CloserLooker> {
    const [eye, mouth] = [await compile(LOOKERS[0], 'small'), await compile(LOOKERS[1], 'small')];
    return new CloserLooker(layout, new Regions(layout), eye, mouth);
  }

  /** The mesh that all faces share. */
  get mesh(): FaceMesh {
    return this.net.layout.mesh;
  }

  /** Licence, training data and the like of the networks. */
  get model(): Record<string, unknown> {
    return modelOf(this.face);
  }

  /**
   * The faces in the next frame of a video.
   *
   * @param pixels of the frame
   * @param time milliseconds; where it does not go on, as in a video that begins again, a usual frame is assumed
   */
  async track({ picture, width, height, scale }: Pixels, time: number): Promise<Tracking> {
    this.watch.start();
    const passed = this.last === null ? 0 : (time - this.last) / 1000;
    this.last = time;
    const tracked = await this.tracker.track(picture, passed > 0 ? passed : USUAL_FRAME_SECONDS);
    const faces = tracked.map((face) => ({
      ...bareFace(this.net.layout, face, scale),
      ...expressionsOf(this.fitter, face.coefficients),
    }));
    return { width, height, faces, timings: this.watch.read() };
  }

  /** The faces in a photo, largest first, each for itself. */
  async reconstruct({ picture, width, height, scale }: Pixels): Promise<Tracking> {
    this.watch.start();
    const faces: Face[] = [];
    for (const first of await this.net.reconstruct(picture, this.options.maxFaces)) {
      const { map, seen } = await this.lookCloser(picture, first);
      const found = { id: faces.length, look: 0, confidence: first.confidence, map, seen };
      const face = bareFace(this.net.layout, found, scale);
      const coefficients = this.fitter ? fitted(this.fitter, map, seen, face.eyes.gaze) : null;
      faces.push({ ...face, ...expressionsOf(this.fitter, coefficients) });
    }
    return { width, height, faces, timings: this.watch.read() };
  }

  /** Forgets all faces, before another video. */
  reset(): void {
    this.tracker.reset();
    this.last = null;
  }

  private async lookCloser(picture: Picture, first: FirstFace): Promise<{ map: Float32Array; seen: Look | null }> {
    if (!this.looker) return { map: first.map, seen: null };
    const { map, look } = await this.looker.look(picture, first.map);
    if (look.confidence.some((confidence) => confidence > 0)) this.net.layout.centreDepth(map);
    return { map, seen: look };
  }
}

/** The weights of a face in a photo; those that a closer look saw, and those of the gaze, are known. */
function fitted(fitter: ShapeFitter, map: Float32Array, seen: Look | null, gaze: Float64Array): Coefficients {
  const known = seen ? seenWeights(fitter.join(seen)) : {};
  return fitter.fit(map, { ...known, ...seenLookWeights(gaze) });
}

/** The description of the network that is stored beside the layout. */
function modelOf(face: ArrayFile): Record<string, unknown> {
  return (face.meta.model ?? {}) as Record<string, unknown>;
}
