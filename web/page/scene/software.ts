/** Whether pictures are drawn by the processor: without a graphics card every sample of a pixel counts. */
import type { WebGLRenderer } from 'three';
import type { Pace } from './painter';

let known: boolean | null = null;

/** Names of the drivers that draw in software. */
export const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

export function drawsInSoftware(): boolean {
  if (known !== null) return known;
  const gl = document.createElement('canvas').getContext('webgl2');
  const info = gl?.getExtension('WEBGL_debug_renderer_info');
  const name = gl ? String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER)) : '';
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
  known = SOFTWARE.test(name);
  return known;
}

/** Pixels of a canvas for each one of the page. In software what moves has few, and what stands has more instead of smooth edges. */
export function sharpness(live: boolean): number {
  const own = Math.min(window.devicePixelRatio || 1, 2);
  return drawsInSoftware() ? (live ? 1 : 2) : own;
}

/**
 * The pace of drawing in software, where it takes the time of finding faces; null on a graphics card.
 *
 * @param share of the processor's time that drawing may take
 */
export function paceOf(renderer: WebGLRenderer, share: number): Pace | null {
  if (!drawsInSoftware()) return null;
  const gl = renderer.getContext();
  const pixel = new Uint8Array(4);
  // `gl.finish` returns at once in Chromium, and reading a pixel does not
  return { share, finish: () => gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel) };
}
