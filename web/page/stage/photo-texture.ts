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

  /** @param live pictures of a video share a texture; a photo has its own, by which others know that it is another one */
  show(canvas: HTMLCanvasElement, live: boolean): CanvasTexture {
    const before = this.texture;
    const image = before?.image as HTMLCanvasElement | undefined;
    if (!before || !live || image?.width !== canvas.width || image.height !== canvas.height) {
      before?.dispose();
      this.texture = photoTexture(canvas, !live || !drawsInSoftware());
      return this.texture;
    }
    before.image = canvas;
    before.needsUpdate = true;
    return before;
  }
}
