/**
 * Networks in LiteRT.js: the WASM runtime is started once in a worker, and runs `.tflite` files.
 */
import { getWebGpuDevice, loadAndCompile, loadLiteRt, Tensor, type CompiledModel } from '@litertjs/core';
import type { Model } from '../reconstruction/lprnet.js';
import { FaceError } from '../types.js';
import type { RuntimeChoice } from './capabilities.js';

/** The settings that Emscripten reads from a global of this name. */
interface EmscriptenSettings {
  locateFile: (name: string) => string;
  mainScriptUrlOrBlob: string | Blob;
  instantiateWasm: (
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ) => Record<string, never>;
  print: (line: string) => void;
  printErr: (line: string) => void;
}

/** The runtime's own two files, as bytes, and where they come from. */
export interface RuntimeFiles {
  /** Address of the script. */
  address: string;
  script: ArrayBuffer;
  binary: ArrayBuffer;
}

/** What the runtime writes to its error output although nothing is wrong: its steps, and that there is no NPU. */
const STEPS = /^INFO:|npu_registry/;

/**
 * Starts the runtime; only once in a worker.
 *
 * @param files its script and WASM, whose bytes were checked already
 * @param choice build, accelerator and threads
 * @returns what runs: `wasm` where `webgpu` was chosen, but no graphics card can be had
 *
 * FaceError `unsupported` if the browser refuses the WASM file.
 */
export async function startRuntime(files: RuntimeFiles, choice: RuntimeChoice): Promise<RuntimeChoice> {
  const module = await compile(files.binary);
  let refuse: (reason: unknown) => void = () => undefined;
  const refused = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  const foreign = new URL(files.address).origin !== globalThis.location.origin;
  const settings: EmscriptenSettings = {
    locateFile: (name) => new URL(name, files.address).href,
    // threads are workers with this script, and a worker's script cannot come from another server
    mainScriptUrlOrBlob: foreign ? new Blob([files.script], { type: 'text/javascript' }) : files.address,
    instantiateWasm: (imports, receive) => {
      WebAssembly.instantiate(module, imports).then((instance) => receive(instance, module), refuse);
      return {};
    },
    print: () => undefined,
    printErr: (line) => {
      if (!STEPS.test(line)) console.warn(line);
    },
  };
  (globalThis as unknown as { Module?: EmscriptenSettings }).Module = settings;
  // The runtime starts as many workers as there are processors, although the networks use fewer; and it asks for a
  // graphics card even if there is nothing to do for it, which takes long and keeps the card awake.
  const restore = [hide('hardwareConcurrency', choice.threads)];
  if (choice.accelerator !== 'webgpu') restore.push(hide('gpu', NO_GPU));
  try {
    await Promise.race([loadLiteRt(files.address), refused]);
  } finally {
    for (const undo of restore) undo();
  }
  return getWebGpuDevice() ? choice : { ...choice, accelerator: 'wasm' };
}

/** A graphics interface whose card never has anything to offer. */
const NO_GPU = {
  requestAdapter: () =>
    Promise.resolve({ limits: {}, features: new Set<string>(), requestDevice: () => Promise.resolve(null) }),
};

/** Replaces a property of `navigator` until the returned function is called. */
function hide(name: 'gpu' | 'hardwareConcurrency', value: unknown): () => void {
  Object.defineProperty(navigator, name, { value, configurable: true });
  return () => {
    Reflect.deleteProperty(navigator, name);
  };
}

async function compile(binary: ArrayBuffer): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(binary);
  } catch (error) {
    if (error instanceof RangeError) throw error; // no memory
    const what = "The browser refuses the package's WebAssembly";
    throw new FaceError(
      'unsupported',
      `${what} (${String(error)}). A page's policy needs script-src 'wasm-unsafe-eval'.`,
    );
  }
}

/** Whether the browser offers a graphics card to WebGPU. */
export async function hasWebGpu(): Promise<boolean> {
  const gpu = (navigator as { gpu?: { requestAdapter(): Promise<unknown> } }).gpu;
  try {
    return Boolean(await gpu?.requestAdapter());
  } catch {
    return false;
  }
}

/** One network. Its inputs are in the order of their ranks, pictures first, as the Python package gives them. */
export class LiteRTModel implements Model {
  /** Shapes of the inputs, pictures first, and where each stands in the file. */
  private readonly inputs: { place: number; shape: Int32Array }[];

  private constructor(
    private readonly model: CompiledModel,
    private readonly name: string,
  ) {
    this.inputs = model.getInputDetails().map((details, place) => ({ place, shape: details.shape }));
    this.inputs.sort((a, b) => b.shape.length - a.shape.length);
  }

  /**
   * Compiles a `.tflite` file; the runtime must have been started.
   *
   * @param data its bytes
   * @param name for messages
   * @param choice what runs it
   *
   * FaceError `damaged` if it is no network that the runtime can run.
   */
  static async compile(data: ArrayBuffer, name: string, choice: RuntimeChoice): Promise<LiteRTModel> {
    try {
      const model = await loadAndCompile(new Uint8Array(data), {
        accelerator: choice.accelerator,
        cpuOptions: { numThreads: choice.threads },
        gpuOptions: { precision: 'fp32' }, // half precision moves points by more than the promised tenth of a pixel
      });
      return new LiteRTModel(model, name);
    } catch (error) {
      throw new FaceError('damaged', `${name} cannot be run (${String(error)}). Copy the package's files again.`);
    }
  }

  /**
   * The network's outputs, in the order of the file, as flat arrays of their own.
   *
   * @param inputs one flat array for each input, pictures first
   */
  async run(inputs: Float32Array[]): Promise<Float32Array[]> {
    if (inputs.length !== this.inputs.length) {
      throw new RangeError(`${this.name} takes ${this.inputs.length} inputs, got ${inputs.length}`);
    }
    const given: Tensor[] = [];
    let outputs: Tensor[] = [];
    try {
      this.inputs.forEach(({ place, shape }, k) => {
        given[place] = new Tensor(inputs[k], shape);
      });
      outputs = await this.model.run(given);
      return (await Promise.all(outputs.map((output) => output.data()))) as Float32Array[];
    } finally {
      // tensors lie in the runtime's memory, which no garbage collector looks after
      for (const tensor of [...given, ...outputs]) tensor?.delete();
    }
  }
}
