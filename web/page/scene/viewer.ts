/** The 3D view: the face, or the avatar, to turn. */
import {
  AmbientLight,
  DataTexture,
  DirectionalLight,
  Group,
  HemisphereLight,
  Mesh,
  PerspectiveCamera,
  Scene,
  Vector3,
  type BufferGeometry,
  type Texture,
} from 'three';
import type { Face, FaceMesh } from '../../src/index';
import { bounds, toMillimetres } from '../faces/geometry';
import type { View } from '../state/state';
import { chartTexture, SkinTexture, textureSide } from '../texture/skin-texture';
import { FaceShape, photoToWorld } from './face-shape';
import { GazeRays } from './gaze-rays';
import { LandmarkDots } from './landmark-dots';
import { faceMaterial, setLook, setTheme, type FaceMaterial } from './materials';
import { Orbit } from './orbit';
import { Painter } from './painter';
import { sharpness } from './software';
import { Surface } from './surface';
import { lessMotion, readTheme } from './theme';

const FIELD = 22;
/** Millimetres: the middle of what is shown, and the sphere around it that fits into the view. */
const FRAMING = {
  face: { target: new Vector3(0, 1, -8), radius: 108 },
  avatar: { target: new Vector3(0, -26, -60), radius: 180 },
} as const;
/** Texels a side of the texture. */
const TEXTURE_SIDE = { live: 256, software: 128, still: 1024 } as const;
/** Of the time, where the processor draws: all of the view, and the texture of a video's face. */
const SHARE = { drawing: 0.25, texture: 0.05 } as const;
const UNROLL_SECONDS = 0.55;
/** A face that has just come turns a little from side to side, to show that it is solid. */
const GREETING = { seconds: 2.6, radians: 0.42 } as const;

export interface Shown {
  face: Face;
  photo: Texture;
  live: boolean;
}

export class Viewer {
  readonly orbit: Orbit;
  /** What the avatar consists of; empty until one is loaded. */
  readonly avatar = new Group();
  readonly painter: Painter;
  private readonly surface: Surface;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(FIELD, 1, 50, 5000);
  private readonly faceGroup = new Group();
  private readonly shape: FaceShape;
  private readonly skinMesh: Mesh<BufferGeometry, FaceMaterial>;
  private readonly dots = new LandmarkDots();
  private readonly rays = new GazeRays();
  private readonly skin: SkinTexture;
  private shown: Shown | null = null;
  private stale = false;
  private view: View = 'photo';
  private shows: keyof typeof FRAMING = 'face';
  private follow = false;
  private gaze = false;
  private greetingSince = -1;
  private lastTime = 0;

  /** @param canvas to draw on, @param mesh of all faces, @param told gets the milliseconds of each drawing */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    mesh: FaceMesh,
    told: (milliseconds: number) => void,
  ) {
    this.surface = new Surface(canvas, true);
    this.painter = new Painter(
      (time) => this.draw(time),
      told,
      this.surface.pace(SHARE.drawing, () => this.shown?.live ?? false),
    );
    this.orbit = new Orbit(canvas, this.painter.invalidate);
    const chart = chartTexture(mesh);
    this.skin = new SkinTexture(mesh, chart);
    this.shape = new FaceShape(mesh);
    this.skinMesh = new Mesh(
      this.shape.geometry,
      faceMaterial(chart, new DataTexture(new Uint8Array(4), 1, 1), mesh.size),
    );
    this.skinMesh.frustumCulled = false;
    this.dots.liftUp(0.0004);
    this.faceGroup.matrixAutoUpdate = false;
    this.faceGroup.add(this.skinMesh, this.dots);
    this.rays.matrixAutoUpdate = false;
    this.addLights();
    this.scene.add(this.camera, this.faceGroup, this.rays, this.avatar);
    this.faceGroup.visible = false;
    new ResizeObserver(this.painter.invalidate).observe(canvas);
    this.surface.drawing.addEventListener('webglcontextrestored', () => this.refresh());
    this.retheme();
  }

  /** Show a face, or nothing. A face of another still photo is greeted. */
  show(shown: Shown | null): void {
    const fresh = shown && !shown.live && shown.photo !== this.shown?.photo;
    this.shown = shown;
    this.faceGroup.visible = shown !== null;
    if (shown) {
      this.shape.update(shown.face);
      this.dots.move(shown.face.landmarks);
      if (fresh && !lessMotion()) this.greetingSince = 0;
    }
    this.refresh();
  }

  /** @param view how the face looks, @param shows face or avatar, @param follow the head's rotation is kept */
  set(options: { view: View; shows: 'face' | 'avatar'; follow: boolean; gaze: boolean; mirrored: boolean }): void {
    if (this.shows !== options.shows) this.orbit.reset();
    ({ view: this.view, shows: this.shows, follow: this.follow, gaze: this.gaze } = options);
    this.orbit.mirrored = options.mirrored;
    setLook(this.skinMesh.material, this.view);
    this.refresh();
  }

  /** Paint a mask over the photo's texture; null for none. */
  paint(texture: Texture | null, opacity: number): void {
    const { uniforms } = this.skinMesh.material;
    uniforms.painted.value = texture ? opacity : 0;
    if (texture) uniforms.paint.value = texture;
    this.painter.invalidate();
  }

  /** The colours of the page have changed. */
  retheme(): void {
    const theme = readTheme();
    setTheme(this.skinMesh.material, theme);
    this.dots.paint(theme.accent, theme.ground, this.dotSize());
    this.rays.paint(theme.accent);
    this.painter.invalidate();
  }

  /** The face's texture, side x side, row by row from v = 0; null where there is no face. */
  texturePixels(side: number): ImageData | null {
    if (!this.shown) return null;
    const { photo, face } = this.shown;
    this.skin.update(this.surface.renderer, photo, face, this.shape, side);
    const pixels = this.skin.pixels(this.surface.renderer);
    this.refresh();
    return pixels;
  }

  /** What is shown now, as a PNG without the background. */
  snapshot(): Promise<Blob | null> {
    this.draw(this.lastTime);
    return new Promise((resolve) => this.surface.drawing.toBlob(resolve, 'image/png'));
  }

  private refresh(): void {
    this.stale = true;
    this.painter.invalidate();
  }

  private draw(time: number): boolean {
    const seconds = Math.min((time - this.lastTime) / 1000, 0.1);
    this.lastTime = time;
    if (!this.resize()) return false;
    if (this.stale) this.prepare();
    const turning = this.orbit.step();
    const unrolling = this.unroll(seconds);
    const greeting = this.greet(seconds);
    this.aim(greeting);
    const isFace = this.shows === 'face';
    this.faceGroup.visible = isFace && this.shown !== null;
    this.rays.visible = this.faceGroup.visible && this.gaze;
    this.avatar.visible = !isFace;
    this.surface.render(this.scene, this.camera);
    return turning || unrolling || greeting !== 0;
  }

  /** Whatever depends on the face and the view, before a drawing. */
  private prepare(): void {
    this.stale = false;
    this.dots.visible = this.view === 'landmarks';
    const { shown } = this;
    if (!shown || this.shows !== 'face') return;
    const { face } = shown;
    this.shape.needNormals();
    this.faceGroup.matrix.copy(photoToWorld(face.pose, !this.follow));
    this.placeRays(face);
    if (this.view === 'photo' || this.view === 'uv') {
      this.renewSkin(shown);
    }
    if (this.view === 'depth') this.skinMesh.material.uniforms.depths.value = this.depthRange(face);
  }

  /**
   * The texture of the face as it is now. In software that of a face in a video is renewed less often: what the camera
   * sees takes its colours from the picture, and the texture fills in the rest.
   */
  private renewSkin(shown: Shown): void {
    const { face, photo, live } = shown;
    const { uniforms } = this.skinMesh.material;
    const whose = `${face.id} ${face.look}`;
    const projected = live && this.surface.inSoftware;
    uniforms.projected.value = projected ? 1 : 0;
    uniforms.photo.value = photo;
    if (projected && whose === this.skinOf && performance.now() < this.skinDue) return;
    const start = performance.now();
    this.skin.update(this.surface.renderer, photo, face, this.shape, this.textureSide(shown));
    uniforms.skin.value = this.skin.texture;
    this.skinOf = live ? whose : '';
    if (!projected) return;
    this.skinDue = Infinity;
    this.surface.whenDone(() => {
      const end = performance.now();
      this.skinDue = end + (end - start) * (1 / SHARE.texture - 1);
    });
  }
  /** Whose texture it is, if it is a video's, and when it is renewed. */
  private skinOf = '';
  private skinDue = 0;

  /** A video's texture is smaller: it is made anew for each picture. */
  private textureSide({ face, live }: Shown): number {
    if (live) return this.surface.inSoftware ? TEXTURE_SIDE.software : TEXTURE_SIDE.live;
    const { low, high } = bounds(face.vertices);
    return textureSide(high[1] - low[1], TEXTURE_SIDE.still);
  }

  private placeRays(face: Face): void {
    if (!this.gaze) return;
    this.rays.update(face);
    // the rays have y up: undo the turn of y that belongs to the photo's pixels
    this.rays.matrix.copy(this.faceGroup.matrix).scale(new Vector3(1, -1, 1));
  }

  private depthRange(face: Face): [number, number] {
    const points = toMillimetres(face.vertices, face.pose, !this.follow);
    let [low, high] = [Infinity, -Infinity];
    for (let k = 2; k < points.length; k += 3) {
      low = Math.min(low, points[k]);
      high = Math.max(high, points[k]);
    }
    return [low, high];
  }

  /** Move between the solid face and its chart. Returns whether it still moves. */
  private unroll(seconds: number): boolean {
    const { unrolled } = this.skinMesh.material.uniforms;
    const goal = this.view === 'uv' ? 1 : 0;
    const way = goal - this.progress;
    const step = lessMotion() ? 1 : seconds / UNROLL_SECONDS;
    this.progress = Math.abs(way) <= step ? goal : this.progress + Math.sign(way) * step;
    const t = this.progress;
    unrolled.value = t * t * (3 - 2 * t);
    return this.progress !== goal;
  }
  private progress = 0;

  /** Radians that the greeting adds to the view; 0 when it is over. */
  private greet(seconds: number): number {
    if (this.greetingSince < 0) return 0;
    this.greetingSince += seconds;
    const t = this.greetingSince / GREETING.seconds;
    if (t >= 1 || this.orbit.held || this.shows !== 'face') {
      this.greetingSince = -1;
      return 0;
    }
    return GREETING.radians * Math.sin(2 * Math.PI * t) * Math.sin(Math.PI * t) || 1e-9;
  }

  private aim(extra: number): void {
    const { yaw, pitch, zoom } = this.orbit.now;
    const { target, radius } = FRAMING[this.shows];
    const narrow = Math.min(1, this.camera.aspect);
    const distance = radius / (Math.sin((FIELD * Math.PI) / 360) * narrow * zoom);
    const turn = yaw + extra;
    const flat = Math.cos(pitch);
    this.camera.position.set(-Math.sin(turn) * flat, Math.sin(pitch), Math.cos(turn) * flat);
    this.camera.position.multiplyScalar(distance).add(target);
    this.camera.near = Math.max(distance - 3 * radius, 5);
    this.camera.far = distance + 4 * radius;
    this.camera.lookAt(target);
    this.camera.updateProjectionMatrix();
  }

  /** Fit the drawing to the canvas. Returns false while there is nothing to draw on. */
  private resize(): boolean {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return false;
    const sharp = sharpness(this.shown?.live ?? false, width * height);
    if (this.surface.resize(Math.round(width * sharp), Math.round(height * sharp))) {
      this.camera.aspect = width / height;
      this.retheme();
    }
    return true;
  }

  private dotSize(): number {
    return Math.max(7, Math.min(this.surface.drawing.width, this.surface.drawing.height) / 62);
  }

  /** Light for the avatar: it comes with the camera. The face's own shader has its own. */
  private addLights(): void {
    const key = new DirectionalLight(0xfff4e8, 2.3);
    key.position.set(-0.8, 0.9, 1);
    const fill = new DirectionalLight(0xdcecff, 0.7);
    fill.position.set(1, 0.1, 0.7);
    const rim = new DirectionalLight(0xbfe9ff, 1.5);
    rim.position.set(0.7, 0.8, -1.2);
    for (const light of [key, fill, rim]) this.camera.add(light, light.target);
    this.camera.add(new AmbientLight(0xffffff, 0.25));
    this.scene.add(new HemisphereLight(0xf4fbff, 0x5a4a40, 0.7));
  }
}
