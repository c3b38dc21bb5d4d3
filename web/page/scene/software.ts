/** Whether pictures are drawn by the processor: without a graphics card every sample of a pixel counts. */

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

/** Pixels of a drawing of what moves, where the processor draws. */
const LIVE_PIXELS = 160_000;

/**
 * Pixels of a canvas for each one of the page. In software what moves has few, and what stands has more instead of smooth
 * edges.
 *
 * @param live whether it moves
 * @param area of the canvas, in pixels of the page
 */
export function sharpness(live: boolean, area: number): number {
  if (!drawsInSoftware()) return Math.min(window.devicePixelRatio || 1, 2);
  return live ? Math.min(1, Math.sqrt(LIVE_PIXELS / Math.max(area, 1))) : 2;
}
