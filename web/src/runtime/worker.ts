/**
 * The worker: it loads the package's files, starts the runtime, and answers requests one after another.
 */
import { loadFiles, readManifest } from '../common/assets.js';
import { unpackNetwork } from '../common/packed-network.js';
import { FaceError } from '../types.js';
import { VERSION } from '../version.js';
import { capabilities, chooseRuntime } from './capabilities.js';
import { Engine, fileNames, PACKED } from './engine.js';
import { asFaceError } from './errors.js';
import { hasWebGpu, LiteRTModel, startRuntime } from './litert.js';
import type { Answers, Opened, Reply, Request, WorkerOptions } from './messages.js';
import { FrameReader } from './picture.js';
import { buffersOf } from './transfer.js';

/** The part of a worker's global scope that is used here; TypeScript's types of pages and workers exclude each other. */
interface WorkerScope {
  onmessage: (event: MessageEvent<Request | null>) => void;
  onmessageerror: () => void;
  postMessage(message: Reply, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;
const reader = new FrameReader();
let engine: Engine | null = null;
let last: Promise<void> = Promise.resolve();

// a message that the browser cannot read comes as null or as an error, depending on the browser
scope.onmessage = ({ data }) => queue(data);
scope.onmessageerror = () => queue(null);

/** Requests wait for one another. */
function queue(request: Request | null): void {
  last = last.then(() => (request ? answer(request) : scope.postMessage({ kind: 'unread' }, [])));
}

async function answer(request: Request): Promise<void> {
  try {
    const value = await valueOf(request);
    // faces are made for the answer alone; what `open` tells is the engine's own
    scope.postMessage({ kind: 'done', id: request.id, value }, request.kind === 'open' ? [] : buffersOf(value));
  } catch (error) {
    const { code, message } = asFaceError(error, DOING[request.kind]);
    scope.postMessage({ kind: 'failed', id: request.id, code, message }, []);
  }
}

const DOING = {
  open: 'loading the networks',
  track: 'looking for faces in a frame',
  reconstruct: 'looking for faces in a photo',
  reset: 'forgetting the faces',
};

async function valueOf(request: Request): Promise<Answers[keyof Answers]> {
  if (request.kind === 'open') return open(request.options);
  if (!engine) throw new FaceError('internal', 'A request came before the networks were loaded.');
  if (request.kind === 'reset') {
    engine.reset();
    return undefined;
  }
  const pixels = reader.read(request.frame);
  return request.kind === 'track' ? engine.track(pixels, request.time) : engine.reconstruct(pixels);
}

async function open(options: WorkerOptions): Promise<Opened> {
  if (options.version !== VERSION) {
    throw new FaceError(
      'load',
      `The files at ${options.files} are of version ${VERSION}, and the page's package is ${options.version}: copy them ` +
        'anew by "npx lprnet-files FOLDER".',
    );
  }
  const gpu = options.accelerator === 'webgpu' && (await hasWebGpu());
  const wanted = chooseRuntime(capabilities(), gpu ? 'webgpu' : 'wasm', options.threads);
  const manifest = await readManifest(options.files);
  const [script, binary] = ['js', 'wasm'].map((ending) => `wasm/${wanted.build}.${ending}`);
  const files = await loadFiles(options.files, [script, binary, ...fileNames(options)], manifest, (progress) => {
    scope.postMessage({ kind: 'progress', progress }, []);
  });
  const take = (name: string): ArrayBuffer => {
    const data = files.get(name);
    if (!data) throw new RangeError(`${name} was not loaded`);
    files.delete(name); // the runtime has a copy of its own then
    return data;
  };
  const address = new URL(script, options.files).href;
  const starting = startRuntime({ address, script: take(script), binary: take(binary) }, wanted);
  starting.catch(() => undefined); // it is waited for below, unless a network is damaged
  for (const name of PACKED) {
    // while the browser compiles the runtime in the background
    if (files.has(name)) files.set(name, unpackNetwork(take(name), name));
  }
  const choice = await starting;
  // a round trip to the graphics card, or between threads, takes as long as a small network does
  const small = { ...choice, accelerator: 'wasm' as const, threads: 1 };
  engine = await Engine.create(options, take, (name, role) =>
    LiteRTModel.compile(take(name), name, role === 'map' ? choice : small),
  );
  const { accelerator, threads } = choice;
  return { info: { accelerator, threads, model: engine.model }, mesh: engine.mesh };
}
