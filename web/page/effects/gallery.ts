/** Makes the chosen effect, and loads what it paints with. */
import { LinearMipmapLinearFilter, Texture } from 'three';
import { loadAsset } from '../assets';
import { PageError } from '../ui/errors';
import { readPaint } from '../sources/files';
import { effectEntry, OWN_MASK, type EffectEntry, type EffectKind } from './catalogue';
import type { Effect } from './effect';
import { GlassesEffect } from './glasses';
import { MaskEffect } from './mask';
import { RelightEffect } from './relight';
import { SwapEffect } from './swap';

/** Texels a side of the reader's own mask. */
const OWN_SIDE = 1024;

const MAKERS: Record<Exclude<EffectKind, 'none'>, () => Effect> = {
  mask: () => new MaskEffect(),
  glasses: () => new GlassesEffect(),
  light: () => new RelightEffect(),
  swap: () => new SwapEffect(),
};

export interface Chosen {
  entry: EffectEntry;
  effect: Effect | null;
  /** What it paints on the face. */
  texture: Texture | null;
}

export class Gallery {
  private readonly effects = new Map<EffectKind, Effect>();
  private readonly textures = new Map<string, Promise<Texture>>();
  private own: Texture | null = null;

  /** The effect of this identity, ready to be drawn. Throws PageError `offline` where its picture cannot be loaded. */
  async choose(id: string): Promise<Chosen> {
    const entry = effectEntry(id);
    if (entry.kind === 'none' || (id === OWN_MASK && !this.own)) return { entry, effect: null, texture: null };
    let effect = this.effects.get(entry.kind);
    if (!effect) {
      effect = MAKERS[entry.kind]();
      this.effects.set(entry.kind, effect);
    }
    const texture = id === OWN_MASK ? this.own : entry.texture ? await this.load(entry.texture) : null;
    return { entry, effect, texture };
  }

  /** Take the reader's own picture as a mask: in the chart, transparent where the skin shows. */
  async bringMask(file: Blob): Promise<void> {
    const canvas = await readPaint(file, OWN_SIDE);
    this.own?.dispose();
    this.own = paintTexture(canvas);
  }

  private load(name: string): Promise<Texture> {
    const known = this.textures.get(name);
    if (known) return known;
    const loading = fetchBitmap(name).then(paintTexture);
    loading.catch(() => this.textures.delete(name)); // another try may succeed
    this.textures.set(name, loading);
    return loading;
  }
}

async function fetchBitmap(name: string): Promise<ImageBitmap> {
  const file = await loadAsset(name);
  try {
    // colours stay where they are transparent: the fourth channel of a generated face is no opacity
    return await createImageBitmap(file, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
  } catch {
    throw new PageError('offline');
  }
}

/** A picture in the chart, first row at v = 0. */
function paintTexture(image: ImageBitmap | HTMLCanvasElement): Texture {
  const texture = new Texture(image);
  texture.flipY = false;
  texture.premultiplyAlpha = false;
  texture.minFilter = LinearMipmapLinearFilter;
  texture.anisotropy = 4;
  texture.needsUpdate = true;
  return texture;
}
