/** What all effects on the picture have in common. */
import type { Object3D, Texture, WebGLRenderer } from 'three';
import type { Face, FaceMesh } from '../../src/index';
import type { FaceShape } from '../scene/face-shape';
import type { Lamp } from '../state/state';

/** A face in the present picture, and its mesh in the photo frame. Larger faces are nearer: `z` is where they are drawn. */
export interface PlacedFace {
  face: Face;
  shape: FaceShape;
  z: number;
}

/** The present picture. */
export interface Picture {
  renderer: WebGLRenderer;
  /** The photo, first row first, with its smaller levels. */
  photo: Texture;
  canvas: HTMLCanvasElement;
  /** The face's chart, see `texture/chart.ts`. */
  chart: Texture;
  mesh: FaceMesh;
  /** Pictures follow one another, so what is estimated may settle over time. */
  live: boolean;
}

export interface EffectOptions {
  /** Which of the effect's kinds: a mask's name, a frame's name ... */
  variant: string;
  opacity: number;
  lamp: Lamp;
  /** A mask, or a generated face; null until it is loaded. */
  texture: Texture | null;
}

export interface Effect {
  /** Drawn over the picture, in upright pixels: x right, y up, the centre of the first pixel at (0, 0). */
  readonly object: Object3D;
  /** Follow the faces of a new picture, or new options. */
  update(picture: Picture, faces: readonly PlacedFace[], options: EffectOptions): void;
  dispose(): void;
}

/** A number of things of one kind, made when they are needed and kept. */
export class Pool<T> {
  private readonly all: T[] = [];

  constructor(private readonly make: () => T) {}

  /** The first `count` of them. */
  take(count: number): T[] {
    while (this.all.length < count) this.all.push(this.make());
    return this.all.slice(0, count);
  }

  get everything(): readonly T[] {
    return this.all;
  }
}
