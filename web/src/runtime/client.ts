/**
 * The page's side: a tracker that hands pictures to a worker.
 */
import { fileAddress, folderAddress } from '../common/assets.js';
import {
  FaceError,
  type FaceMesh,
  type FaceTracker,
  type ImageSource,
  type Progress,
  type TrackerInfo,
  type TrackerOptions,
  type Tracking,
} from '../types.js';
import { VERSION } from '../version.js';
import type { Answers, Frame, Opened, Reply, Request, WorkerOptions } from './messages.js';
import { frameOf, unreadable } from './sources.js';

export const WORKER_NAME = 'worker.js';
const MAX_FACES = 3;

/**
 * Loads the networks, in a worker, and makes a tracker of faces.
 *
 * Several can be made, each with a worker and networks of its own. `close()` frees what one has.
 *
 * FaceError `load` if the folder `files` is not there, is of another version, or a file of it is missing; `damaged` if a
 * file is not the one of the manifest; `unsupported` if the browser has no WebAssembly with SIMD. TypeError or RangeError
 * if an option is wrong: that is a mistake in the program that calls it.
 */
export async function createFaceTracker(options: TrackerOptions): Promise<FaceTracker> {
  const settings = workerOptions(options, location.href);
  const channel = new Channel(startWorker(settings.files), settings.files, options.onProgress);
  try {
    const opened = await channel.ask((id) => ({ id, kind: 'open', options: settings }));
    return new WorkerTracker(channel, opened);
  } catch (error) {
    channel.close();
    throw error;
  }
}

/** The options of a tracker, complete and checked. TypeError or RangeError if one is wrong. */
export function workerOptions(options: TrackerOptions, base: string): WorkerOptions {
  const files = (options as Partial<TrackerOptions> | undefined)?.files;
  if (typeof files !== 'string' && !(files instanceof URL)) {
    throw new TypeError('createFaceTracker needs the option `files`: address of the folder of "npx lprnet-files"');
  }
  const { maxFaces = MAX_FACES, threads = 0, accelerator = 'wasm' } = options;
  const { closerLook = true, expressions = true, smooth = true } = options;
  for (const [name, value] of Object.entries({ closerLook, expressions, smooth })) {
    if (typeof value !== 'boolean') throw new TypeError(`${name} is true or false, got ${JSON.stringify(value)}`);
  }
  if (!Number.isInteger(maxFaces) || maxFaces < 1) throw new RangeError(`maxFaces is at least 1, got ${maxFaces}`);
  if (!Number.isInteger(threads) || threads < 0) throw new RangeError(`threads is a whole number, got ${threads}`);
  if (accelerator !== 'wasm' && accelerator !== 'webgpu') {
    throw new RangeError(`accelerator is "wasm" or "webgpu", got ${JSON.stringify(accelerator)}`);
  }
  return {
    files: folderAddress(files, base),
    version: VERSION,
    maxFaces,
    threads,
    accelerator,
    closerLook,
    expressions,
    smooth,
  };
}

function startWorker(files: string): Worker {
  const address = fileAddress(files, WORKER_NAME);
  if (new URL(address).origin === location.origin) return new Worker(address, { name: 'lprnet' });
  // a worker's script cannot come from another server, but it may import one
  const script = new Blob([`importScripts(${JSON.stringify(address)});`], { type: 'text/javascript' });
  const blob = URL.createObjectURL(script);
  try {
    return new Worker(blob, { name: 'lprnet' });
  } finally {
    setTimeout(() => URL.revokeObjectURL(blob), 60_000);
  }
}

interface Waiting {
  resolve: (value: Answers[keyof Answers]) => void;
  reject: (error: FaceError) => void;
}

/** Requests to a worker and their answers. */
class Channel {
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;
  private end: FaceError | null = null;
  private started = false;

  constructor(
    private readonly worker: Worker,
    private readonly files: string,
    private readonly onProgress: (progress: Progress) => void = () => undefined,
  ) {
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.receive(data);
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.fail(this.workerError(event.message));
    };
    worker.onmessageerror = () => this.fail(new FaceError('internal', "The worker's answer cannot be read."));
  }

  /** Sends a request; `frame` then belongs to the worker. */
  ask<K extends keyof Answers>(request: (id: number) => Request & { kind: K }, frame?: Frame): Promise<Answers[K]> {
    return new Promise((resolve, reject) => {
      if (this.end) {
        if (frame && 'close' in frame) frame.close();
        reject(this.end);
        return;
      }
      const id = this.count++;
      this.waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      try {
        this.worker.postMessage(request(id), frame && 'close' in frame ? [frame as Transferable] : []);
      } catch (error) {
        this.waiting.delete(id);
        if (frame && 'close' in frame) frame.close();
        reject(unreadable(error)); // of what is sent, only pictures can be refused
      }
    });
  }

  close(): void {
    this.fail(new FaceError('closed', 'This tracker was closed: make another one by createFaceTracker.'));
  }

  private receive(reply: Reply): void {
    this.started = true;
    if (reply.kind === 'progress') {
      this.onProgress(reply.progress);
      return;
    }
    const id = reply.kind === 'unread' ? [...this.waiting.keys()][0] : reply.id;
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (reply.kind === 'done') waiting?.resolve(reply.value);
    else if (reply.kind === 'failed') waiting?.reject(new FaceError(reply.code, reply.message));
    else waiting?.reject(new FaceError('picture', 'The picture cannot be read: it was lost on its way to the worker.'));
  }

  /** Ends the worker; whoever waits, and whoever asks from now on, gets the error. */
  private fail(error: FaceError): void {
    if (this.end) return;
    this.end = error;
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private workerError(message: string | undefined): FaceError {
    if (this.started) return new FaceError('internal', `The worker stopped: ${message ?? 'no reason was given'}.`);
    const address = fileAddress(this.files, WORKER_NAME);
    return new FaceError(
      'load',
      `${address} cannot be run (${message || 'it is not there, or the page may not run it'}). Copy the package's files ` +
        'by "npx lprnet-files FOLDER", and give the folder\'s address as the option `files`.',
    );
  }
}

class WorkerTracker implements FaceTracker {
  readonly info: TrackerInfo;
  readonly mesh: FaceMesh;
  /** When the last picture was sent: pictures go in the order of the calls, although some take longer to be read. */
  private sent: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly channel: Channel,
    opened: Opened,
  ) {
    this.info = opened.info;
    this.mesh = opened.mesh;
  }

  track(source: ImageSource, time: number = performance.now()): Promise<Tracking> {
    if (!Number.isFinite(time)) return Promise.reject(new RangeError(`time is a number of milliseconds, got ${time}`));
    return this.send(source, (id, frame) => ({ id, kind: 'track', frame, time }));
  }

  reconstruct(source: ImageSource): Promise<Tracking> {
    return this.send(source, (id, frame) => ({ id, kind: 'reconstruct', frame }));
  }

  async reset(): Promise<void> {
    await this.sent;
    await this.channel.ask((id) => ({ id, kind: 'reset' }));
  }

  close(): void {
    this.channel.close();
  }

  private async send(
    source: ImageSource,
    request: (id: number, frame: Frame) => Request & { kind: 'track' | 'reconstruct' },
  ): Promise<Tracking> {
    const start = performance.now();
    const reading = frameOf(source); // at once: a video goes on
    const before = this.sent;
    this.sent = reading.catch(() => undefined).then(() => before);
    const frame = await reading;
    await before;
    const tracking = await this.channel.ask((id) => request(id, frame), frame);
    tracking.timings.total = performance.now() - start;
    return tracking;
  }
}
