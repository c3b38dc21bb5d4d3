import { describe, expect, it } from 'vitest';
import { capabilities, chooseRuntime, type Capabilities } from '../../src/runtime/capabilities';

const all: Capabilities = { simd: true, relaxedSimd: true, isolated: true, suspending: true, cores: 8 };

describe('chooseRuntime', () => {
  it.each([
    ['threads in an isolated page, at most 4', all, 'wasm', 0, 'litert_wasm_threaded_internal', 4],
    ['as many as there are cores', { ...all, cores: 2 }, 'wasm', 0, 'litert_wasm_threaded_internal', 2],
    ['as many as asked for', all, 'wasm', 6, 'litert_wasm_threaded_internal', 6],
    ['one thread where one is asked for', all, 'wasm', 1, 'litert_wasm_internal', 1],
    ['one thread on one core', { ...all, cores: 1 }, 'wasm', 0, 'litert_wasm_internal', 1],
    ['one thread in a page that is not isolated', { ...all, isolated: false }, 'wasm', 4, 'litert_wasm_internal', 1],
    ['older instructions', { ...all, relaxedSimd: false }, 'wasm', 4, 'litert_wasm_compat_internal', 1],
    ['the graphics card', all, 'webgpu', 4, 'litert_wasm_jspi_internal', 1],
    ['the graphics card, all or nothing', { ...all, suspending: false }, 'webgpu', 4, 'litert_wasm_internal', 1],
  ] as const)('takes %s', (_, can, accelerator, threads, build, number) => {
    expect(chooseRuntime(can, accelerator, threads)).toEqual({ build, accelerator, threads: number });
  });

  it('tells that SIMD is missing', () => {
    expect(() => chooseRuntime({ ...all, simd: false }, 'wasm', 1)).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining('Safari since 16.4') }),
    );
  });
});

describe('capabilities', () => {
  it('finds what this Node has', () => {
    expect(capabilities()).toMatchObject({ simd: true, isolated: false, cores: expect.any(Number) });
  });
});
