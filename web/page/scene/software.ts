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

/** Pixels of a canvas for each one of the page. In software what moves has few, and what stands has more instead of smooth edges. */
export function sharpness(live: boolean): number {
  const own = Math.min(window.devicePixelRatio || 1, 2);
  return drawsInSoftware() ? (live ? 1 : 2) : own;
}
