import { expect, it, vi } from 'vitest';
import { PhotoTexture } from '../../page/stage/photo-texture';

vi.mock('../../page/scene/software', () => ({ drawsInSoftware: () => false }));

it('a video has another texture when its size changes, also on canvases that are used again', () => {
  const texture = new PhotoTexture();
  const canvases = [0, 1].map(() => ({ width: 640, height: 480 }) as HTMLCanvasElement);
  const first = texture.show(canvases[0], true);
  expect(texture.show(canvases[1], true)).toBe(first);
  for (const canvas of canvases) Object.assign(canvas, { width: 480, height: 640 }); // those of the video before
  const second = texture.show(canvases[0], true);
  expect(second).not.toBe(first);
  expect(texture.show(canvases[1], true)).toBe(second);
});
