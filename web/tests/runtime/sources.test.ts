import { afterEach, describe, expect, it, vi } from 'vitest';
import { frameOf } from '../../src/runtime/sources';
import type { ImageSource } from '../../src/types';

/** An object that says of itself that it is of a class of browsers. */
function a(name: string, properties = {}): ImageSource {
  return { [Symbol.toStringTag]: name, ...properties } as unknown as ImageSource;
}

/** Pixels whose buffer now belongs to somebody else. */
function detached(): Uint8ClampedArray {
  const data = new Uint8ClampedArray(8);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return data;
}

afterEach(() => vi.unstubAllGlobals());

describe('frameOf', () => {
  it('turns pictures upright by their orientation', async () => {
    const made = {};
    const create = vi.fn(async () => made);
    vi.stubGlobal('createImageBitmap', create);
    const image = a('HTMLImageElement', { decode: async () => undefined });
    const video = a('HTMLVideoElement', { readyState: 4, videoWidth: 640 });
    const canvas = a('HTMLCanvasElement', { width: 2, height: 1 });
    for (const source of [image, video, canvas, new Blob(['a file']) as never]) {
      expect(await frameOf(source)).toBe(made);
      expect(create).toHaveBeenLastCalledWith(source, { imageOrientation: 'from-image' });
    }
  });

  it('does so where the browser does not know the word', async () => {
    const made = {};
    vi.stubGlobal('createImageBitmap', async (_: unknown, options?: object) => {
      if (options) throw new TypeError('from-image is not a valid value');
      return made;
    });
    expect(await frameOf(new Blob(['a file']) as never)).toBe(made);
  });

  it('leaves the caller its frame', async () => {
    const copy = {};
    expect(await frameOf(a('VideoFrame', { clone: () => copy }))).toBe(copy);
    const data = a('ImageData', { width: 2, height: 1, data: new Uint8ClampedArray(8) });
    expect(await frameOf(data)).toBe(data);
  });

  const damaged = new DOMException('The source image cannot be decoded.', 'EncodingError');
  const foreign = new DOMException('tainted', 'SecurityError');
  const failing = (error: Error) => () => Promise.reject(error);
  it.each([
    ['a video without a frame', a('HTMLVideoElement', { readyState: 1, videoWidth: 0 }), 'loadeddata'],
    ['an empty canvas', a('HTMLCanvasElement', { width: 0, height: 5 }), '0 x 5'],
    ['pixels that were sent away', a('ImageData', { width: 2, height: 1, data: detached() }), 'has lost its pixels'],
    ['a damaged image', a('HTMLImageElement', { decode: failing(damaged) }), 'cannot be decoded'],
    ["another server's image", a('HTMLImageElement', { decode: failing(foreign) }), 'crossOrigin'],
    ['something else', 'photo.jpg' as never, 'got String'],
    ['nothing', null as never, 'got Null'],
  ])('tells of %s', async (_, source, words) => {
    await expect(frameOf(source)).rejects.toMatchObject({ code: 'picture', message: expect.stringContaining(words) });
  });
});
