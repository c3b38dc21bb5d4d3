/**
 * What the browser can do, and which build of the WASM runtime follows from it.
 */
import { FaceError, type TrackerInfo } from '../types.js';

// The smallest modules with an instruction that a browser either knows or does not: a function that splats a byte over a
// vector and counts its bits (SIMD); one with i8x16.relaxed_swizzle (relaxed SIMD).
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];
const RELAXED_SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];
const MOST_THREADS = 4; // the networks are small: more threads wait for one another

/** What was found out about the browser. */
export interface Capabilities {
  simd: boolean;
  relaxedSimd: boolean;
  /** The page is cross-origin isolated, so that threads can share memory. */
  isolated: boolean;
  /** WASM may wait for promises (JSPI), without which a network cannot be partly on the graphics card. */
  suspending: boolean;
  /** Logical processors. */
  cores: number;
}

/** What will run. */
export interface RuntimeChoice extends Pick<TrackerInfo, 'accelerator' | 'threads'> {
  /** Name of the runtime's build, without its ending: there are a `.js` and a `.wasm`. */
  build: string;
}

function validates(bytes: number[]): boolean {
  try {
    return WebAssembly.validate(new Uint8Array(bytes));
  } catch {
    return false; // no WebAssembly at all, or forbidden by the page's policy
  }
}

/** The capabilities of this browser, as a worker sees them. */
export function capabilities(): Capabilities {
  return {
    simd: validates(SIMD),
    relaxedSimd: validates(RELAXED_SIMD),
    isolated: globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === 'function',
    suspending: typeof WebAssembly === 'object' && 'Suspending' in WebAssembly,
    cores: (globalThis.navigator as Navigator | undefined)?.hardwareConcurrency ?? 1,
  };
}

/**
 * The build, accelerator and number of threads for what was asked for.
 *
 * @param can what the browser can do
 * @param accelerator the wish; `webgpu` must be there, see {@link webGpuDevice}
 * @param threads the wish; 0 for as many as there are cores, at most 4
 *
 * FaceError `unsupported` without SIMD.
 */
export function chooseRuntime(can: Capabilities, accelerator: 'wasm' | 'webgpu', threads: number): RuntimeChoice {
  if (!can.simd) {
    throw new FaceError(
      'unsupported',
      'This browser has no WebAssembly with SIMD. Chrome and Edge have it since version 91, Firefox since 89, Safari ' +
        'since 16.4. It may also be switched off, as in the Lockdown mode of iPhones.',
    );
  }
  if (!can.relaxedSimd) return { build: 'litert_wasm_compat_internal', accelerator, threads: 1 };
  if (accelerator === 'webgpu') {
    // the build with JSPI has no threads
    const build = can.suspending ? 'litert_wasm_jspi_internal' : 'litert_wasm_internal';
    return { build, accelerator, threads: 1 };
  }
  const wanted = threads || Math.min(can.cores, MOST_THREADS);
  if (!can.isolated || wanted === 1) return { build: 'litert_wasm_internal', accelerator, threads: 1 };
  return { build: 'litert_wasm_threaded_internal', accelerator, threads: wanted };
}
