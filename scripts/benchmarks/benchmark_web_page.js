/**
 * What is measured in a page: a network alone in LiteRT.js, whole frames of the package, and of MediaPipe's face mesh.
 * Every function answers a list of milliseconds, or an object with such lists.
 */
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

const networks = new Map();
const frames = [];
const trackers = new Map();
let input = null;
const meshes = new Map();

/** Milliseconds of each of `count` calls. */
async function times(count, call) {
  const spent = [];
  for (let k = 0; k < count; k++) {
    const start = performance.now();
    await call(k);
    spent.push(performance.now() - start);
  }
  return spent;
}

/** Networks see the same numbers everywhere, 0 to 1: time does not depend on them, unless some are denormal. */
function numbers(shape) {
  const size = shape.reduce((product, n) => product * n, 1);
  return Float32Array.from({ length: size }, (_, i) => ((i * 7919) % 256) / 255);
}

globalThis.measure = {
  /** Starts the runtime: the name of its build, and its threads. */
  async start({ build, threads }) {
    Object.defineProperty(navigator, 'hardwareConcurrency', { value: threads, configurable: true });
    await loadLiteRt(`litert/wasm/${build}.js`);
    return crossOriginIsolated;
  },

  /** Compiles a network; answers the milliseconds of that and of the first run. */
  async compile({ name, threads }) {
    const start = performance.now();
    const data = new Uint8Array(await (await fetch(`networks/${name}`)).arrayBuffer());
    const model = await loadAndCompile(data, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
    networks.set(name, model);
    const { shape } = model.getInputDetails()[0];
    input = { values: numbers(shape), shape, tensor: new Tensor(numbers(shape), shape) };
    const [first] = await times(1, async () => (await model.run([input.tensor])).forEach((output) => output.delete()));
    return { compile: performance.now() - start - first, first };
  },

  /** A network: `bare` runs it on a tensor that is there already, and does not read what comes out. */
  network({ name, count, bare }) {
    const model = networks.get(name);
    return times(count, async () => {
      const given = bare ? input.tensor : new Tensor(input.values, input.shape);
      const outputs = await model.run([given]);
      if (!bare) await Promise.all(outputs.map((output) => output.data()));
      for (const output of outputs) output.delete();
      if (!bare) given.delete();
    });
  },

  /** Milliseconds for making the input and reading the output, without the network. */
  copies({ count }) {
    return times(count, async () => {
      const tensor = new Tensor(input.values, input.shape);
      await tensor.data();
      tensor.delete();
    });
  },

  /** Loads the frames of the clip, each as a canvas. */
  async frames({ count }) {
    for (let k = 0; k < count; k++) {
      const bitmap = await createImageBitmap(await (await fetch(`frames/${k}.png`)).blob());
      const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
      canvas.getContext('2d', { willReadFrequently: true }).drawImage(bitmap, 0, 0);
      frames.push(canvas);
    }
    return frames.length;
  },

  /** Starts a tracker of this package with so many threads. */
  async tracker({ threads }) {
    const { createFaceTracker } = await import(new URL('package/index.js', document.baseURI).href);
    const start = performance.now();
    const tracker = await createFaceTracker({ files: 'package/files', maxFaces: 1, threads });
    trackers.set(threads, tracker);
    return { ready: performance.now() - start, ...tracker.info };
  },

  /** Frames of the clip in the tracker, from number `from` on: milliseconds by part, and what was found. */
  async track({ threads, from, count }) {
    const tracker = trackers.get(threads);
    const parts = {};
    let found = 0;
    for (let k = from; k < from + count; k++) {
      const { faces, timings } = await tracker.track(frames[k % frames.length], 1000 + (1000 / 30) * k);
      found += faces.length;
      for (const [part, spent] of Object.entries(timings)) (parts[part] ??= []).push(spent);
    }
    return { parts, found };
  },

  /** Starts MediaPipe's face mesh, with `refine` the one with attention; answers the milliseconds that it takes. */
  async mediapipe({ refine }) {
    const mesh = new globalThis.FaceMesh({ locateFile: (name) => `mediapipe/${name}` });
    mesh.setOptions({ maxNumFaces: 1, refineLandmarks: refine });
    const state = { mesh, found: 0 };
    mesh.onResults((results) => (state.found += results.multiFaceLandmarks?.length ?? 0));
    meshes.set(refine, state);
    const [spent] = await times(1, () => mesh.initialize());
    return spent;
  },

  /** Frames of the clip in MediaPipe's face mesh, from number `from` on. */
  async mesh({ refine, from, count }) {
    const state = meshes.get(refine);
    state.found = 0;
    const total = await times(count, (k) => state.mesh.send({ image: frames[(from + k) % frames.length] }));
    return { parts: { total }, found: state.found };
  },
};
document.title = 'ready';
