import { afterEach, describe, expect, it, vi } from 'vitest';
import { FrameReader } from '../../src/runtime/picture';

/** A canvas that remembers what was put on it; its pixels are all 7. */
class FakeCanvas {
  static put: unknown[] = [];

  constructor(
    readonly width: number,
    readonly height: number,
  ) {}

  getContext(): object {
    return {
      putImageData: (data: unknown) => FakeCanvas.put.push(data),
      fillRect: () => undefined,
      drawImage: () => undefined,
      getImageData: (_x: number, _y: number, width: number, height: number) => ({
        ...{ width, height },
        data: new Uint8ClampedArray(4 * width * height).fill(7),
      }),
    };
  }
}

afterEach(() => {
  vi.unstubAllGlobals();
  FakeCanvas.put = [];
});

describe('FrameReader', () => {
  it('takes the bytes of an ImageData as they are, over white', () => {
    const data = Uint8ClampedArray.of(10, 20, 30, 255, 0, 0, 0, 0);
    const { picture, scale } = new FrameReader().read({ width: 2, height: 1, data } as unknown as ImageData);
    expect([...picture.data]).toEqual([10, 20, 30, 255, 255, 255, 255, 255]);
    expect(scale).toEqual([1, 1]);
  });

  it('lets a canvas turn colours that are no bytes into bytes', () => {
    vi.stubGlobal('OffscreenCanvas', FakeCanvas);
    const frame = { width: 2, height: 1, data: Float32Array.of(0.1, 0.2, 0.3, 1, 0, 0, 0, 1) };
    const { picture } = new FrameReader().read(frame as unknown as ImageData);
    expect(FakeCanvas.put).toEqual([frame]);
    expect([...picture.data]).toEqual(new Array(8).fill(7));
  });
});
