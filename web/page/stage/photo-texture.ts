/** The present picture on the graphics processors: one texture for the picture and for the 3D view. */
import { CanvasTexture, LinearFilter, LinearMipmapLinearFilter } from 'three';
import { drawsInSoftware } from '../scene/software';

/** A texture of a canvas, first row first; with its smaller levels if it is worth the time that these take. */
function photoTexture(canvas: HTMLCanvasElement, levels: boolean): CanvasTexture {
  const texture = new CanvasTexture(canvas);
  texture.flipY = false;
  texture.generateMipmaps = levels;
  texture.minFilter = levels ? LinearMipmapLinearFilter : LinearFilter;
  texture.magFilter = LinearFilter;
  return texture;
}

/** The texture of the present picture; it is kept while pictures have the same size. */
export class PhotoTexture {
  private texture: CanvasTexture | null = null;
  /** What the texture was made for. A video's canvases are used in turn and change their sizes, so they do not tell. */
  private width = 0;
  private height = 0;

  /** @param live pictures of a video share a texture; a photo has its own, by which others know that it is another one */
  show(canvas: HTMLCanvasElement, live: boolean): CanvasTexture {
    const before = this.texture;
    if (!before || !live || this.width !== canvas.width || this.height !== canvas.height) {
      before?.dispose();
      ({ width: this.width, height: this.height } = canvas);
      this.texture = photoTexture(canvas, !live || !drawsInSoftware());
      return this.texture;
    }
    before.image = canvas;
    before.needsUpdate = true;
    return before;
  }
}
