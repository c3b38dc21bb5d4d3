/** The picture with what is drawn on it: an effect, and the mesh, landmarks and gaze of its faces. */
import {
  Color,
  DoubleSide,
  GLSL3,
  Group,
  Mesh,
  MeshBasicMaterial,
  OrthographicCamera,
  PlaneGeometry,
  RawShaderMaterial,
  Scene,
  type BufferGeometry,
  type Texture,
} from 'three';
import type { FaceMesh } from '../../src/index';
import { Pool, type Effect, type EffectOptions, type PlacedFace } from '../effects/effect';
import { FaceShape } from '../scene/face-shape';
import { Painter } from '../scene/painter';
import { sharpness } from '../scene/software';
import { Surface } from '../scene/surface';
import { readTheme } from '../scene/theme';
import type { Frame } from '../tracking/session';
import { chartTexture } from '../texture/skin-texture';
import { boxOf, closeUp, contain, type Part } from './fit';
import { FaceOverlay, type OverlayChoice } from './overlay';

/** Depth between faces, in pixels: larger ones are nearer. */
const FACE_GAP = 20_000;
const MAX_SCREEN_PIXELS = 2_200_000;
/** Of the time that drawing may take where the processor draws. */
const SOFTWARE_SHARE = 0.2;

/** A face's mesh, which hides what is behind it, and its drawings. */
interface Slot {
  shape: FaceShape;
  cover: Mesh<BufferGeometry, MeshBasicMaterial>;
  overlay: FaceOverlay;
}

export class Stage {
  readonly painter: Painter;
  private readonly surface: Surface;
  private readonly scene = new Scene();
  private readonly camera = new OrthographicCamera(-0.5, 1, 0.5, -1, -200_000, 200_000);
  private readonly quad: Mesh<BufferGeometry, RawShaderMaterial>;
  private readonly effects = new Group();
  private readonly chart: Texture;
  private readonly slots: Pool<Slot>;
  private frame: Frame | null = null;
  private photo: Texture | null = null;
  private effect: Effect | null = null;
  private options: EffectOptions | null = null;
  private choice: OverlayChoice = { mesh: false, landmarks: false, gaze: false };
  private stale = false;
  private close = false;
  /** Width and height of the live picture that the layout is for, 0 for a photo's: each photo has its own layout. */
  private laidOut = [0, 0];
  /** The part of the picture that is shown. */
  private part: Part = { x: 0, y: 0, width: 1, height: 1 };

  /**
   * @param canvas to draw on
   * @param box that the picture fills as far as its proportions allow
   * @param companions elements that are laid over the picture
   * @param mesh of all faces
   * @param told gets the milliseconds of each drawing
   */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly box: HTMLElement,
    private readonly companions: readonly HTMLElement[],
    private readonly mesh: FaceMesh,
    told: (milliseconds: number) => void,
  ) {
    this.surface = new Surface(canvas, false);
    this.surface.renderer.setClearColor(0, 0);
    this.painter = new Painter(
      () => this.draw(),
      told,
      this.surface.pace(SOFTWARE_SHARE, () => this.frame?.live ?? false),
    );
    this.chart = chartTexture(mesh);
    this.quad = new Mesh(new PlaneGeometry(2, 2), quadMaterial());
    this.quad.frustumCulled = false;
    this.quad.renderOrder = -10;
    this.scene.add(this.quad, this.effects);
    this.slots = new Pool(() => this.makeSlot());
    new ResizeObserver(() => this.layout()).observe(box);
    this.surface.drawing.addEventListener('webglcontextrestored', () => this.refresh());
  }

  /** Show a picture and its faces. */
  show(frame: Frame, photo: Texture): void {
    const [width, height] = frame.live ? [frame.picture.width, frame.picture.height] : [0, 0];
    const same = frame.live && this.laidOut[0] === width && this.laidOut[1] === height;
    this.laidOut = [width, height];
    this.frame = frame;
    this.photo = photo;
    if (!same) this.layout();
    this.refresh();
  }

  /** Show the surroundings of the faces of a photo, or all of it. */
  setClose(close: boolean): void {
    this.close = close;
    this.layout();
  }

  /** Whether there is anything to come closer to. */
  get canClose(): boolean {
    return this.closePart() !== null;
  }

  /** A place in the picture, in its pixels, as shares of what is shown of it. */
  shareOf(x: number, y: number): { x: number; y: number } {
    return { x: (x - this.part.x) / this.part.width, y: (y - this.part.y) / this.part.height };
  }

  /** Draw this effect from now on; null for none. */
  setEffect(effect: Effect | null, options: EffectOptions | null): void {
    if (effect !== this.effect) {
      this.effects.clear();
      if (effect) this.effects.add(effect.object);
    }
    this.effect = effect;
    this.options = options;
    this.refresh();
  }

  setOverlay(choice: OverlayChoice): void {
    this.choice = choice;
    this.refresh();
  }

  /** The colours of the page have changed. */
  retheme(): void {
    this.refresh();
  }

  /** The whole picture in its own resolution, with what is drawn on it, as a PNG. It is not mirrored. */
  async snapshot(): Promise<Blob | null> {
    const { frame } = this;
    if (!frame) return null;
    const { width, height } = frame.picture;
    const { part } = this;
    this.part = { x: 0, y: 0, width, height };
    this.surface.resize(width, height);
    this.stale = true;
    this.render(frame);
    this.part = part;
    const copy = document.createElement('canvas');
    Object.assign(copy, { width, height });
    copy.getContext('2d')?.drawImage(this.surface.drawing, 0, 0);
    this.layout();
    return new Promise((resolve) => copy.toBlob(resolve, 'image/png'));
  }

  /** A place on the picture, in its pixels, from one on the screen. */
  pictureAt(event: { clientX: number; clientY: number }, mirrored: boolean): { x: number; y: number } {
    const rect = this.canvas.getBoundingClientRect();
    const x = (event.clientX - rect.left) / rect.width;
    const y = (event.clientY - rect.top) / rect.height;
    const { part } = this;
    return { x: part.x + (mirrored ? 1 - x : x) * part.width, y: part.y + y * part.height };
  }

  private refresh(): void {
    this.stale = true;
    this.painter.invalidate();
  }

  /** Fit the canvas into its box. */
  private layout(): void {
    if (!this.frame) return;
    const { width, height } = this.frame.picture;
    this.part = (this.close ? this.closePart() : null) ?? { x: 0, y: 0, width, height };
    const place = contain(this.part, { width: this.box.clientWidth, height: this.box.clientHeight });
    for (const element of [this.canvas, ...this.companions]) {
      for (const [name, value] of Object.entries(place)) element.style.setProperty(name, `${value}px`);
    }
    const area = place.width * place.height;
    const sharp = Math.min(sharpness(this.frame.live, area), Math.sqrt(MAX_SCREEN_PIXELS / area));
    this.surface.resize(Math.round(place.width * sharp), Math.round(place.height * sharp));
    this.refresh();
  }

  private closePart(): Part | null {
    if (!this.frame || this.frame.live) return null;
    const { picture, tracking } = this.frame;
    const faces = boxOf(tracking.faces.map(({ landmarks }) => landmarks));
    const box = { width: this.box.clientWidth, height: this.box.clientHeight };
    return faces && box.width && box.height ? closeUp(picture, faces, box) : null;
  }

  private draw(): boolean {
    if (!this.frame) return false;
    if (this.surface.inSoftware && this.isBare) this.surface.showPicture(this.frame.picture, this.part);
    else this.render(this.frame);
    return false;
  }

  /** Whether nothing is drawn on the picture. */
  private get isBare(): boolean {
    return !this.effect && !Object.values(this.choice).includes(true);
  }

  private render(frame: Frame): void {
    if (!this.photo) return;
    if (this.stale) this.prepare(frame, this.photo);
    this.surface.render(this.scene, this.camera);
  }

  private prepare(frame: Frame, photo: Texture): void {
    this.stale = false;
    const { picture, tracking, live } = frame;
    this.quad.material.uniforms.photo.value = photo;
    const { x, y, width, height } = this.part;
    Object.assign(this.camera, { left: x - 0.5, right: x + width - 0.5, top: 0.5 - y, bottom: 0.5 - y - height });
    this.camera.updateProjectionMatrix();
    const [w, h] = [picture.width, picture.height];
    this.quad.material.uniforms.part.value = [x / w, y / h, width / w, height / h];
    const theme = readTheme();
    const tint = theme.dark ? theme.accent : new Color(0x3fd0dc);
    const dotSize = Math.max(6, this.surface.drawing.height / 62);
    const placed: PlacedFace[] = [];
    for (const { overlay, cover } of this.slots.everything) overlay.visible = cover.visible = false;
    const bySize = [...tracking.faces].sort((a, b) => a.pose.scale - b.pose.scale);
    this.slots.take(bySize.length).forEach(({ shape, cover, overlay }, rank) => {
      const face = bySize[rank];
      const z = (rank - 1) * FACE_GAP;
      shape.update(face);
      cover.visible = overlay.visible = true;
      cover.position.z = overlay.position.z = z;
      overlay.paint(theme, tint, dotSize);
      overlay.update(face, this.choice);
      placed.push({ face, shape, z });
    });
    if (!this.effect || !this.options) return;
    const { chart, mesh } = this;
    const { renderer } = this.surface;
    this.effect.update({ renderer, photo, canvas: picture, chart, mesh, live }, placed, this.options);
  }

  private makeSlot(): Slot {
    const shape = new FaceShape(this.mesh);
    const material = new MeshBasicMaterial({ colorWrite: false, side: DoubleSide });
    Object.assign(material, { polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 4 });
    const cover = new Mesh(shape.geometry, material);
    cover.scale.y = -1;
    cover.frustumCulled = false;
    cover.renderOrder = -5;
    const overlay = new FaceOverlay(this.mesh, shape);
    this.scene.add(cover, overlay);
    return { shape, cover, overlay };
  }
}

/** The photo over the whole canvas, its colours as they are. */
function quadMaterial(): RawShaderMaterial {
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    depthTest: false,
    depthWrite: false,
    vertexShader: `
      precision highp float;
      in vec3 position;
      uniform vec4 part;
      out vec2 at;
      void main() {
        at = part.xy + part.zw * (vec2(0.5, -0.5) * position.xy + 0.5);
        gl_Position = vec4(position.xy, 0.0, 1.0);
      }`,
    fragmentShader: `
      precision highp float;
      in vec2 at;
      uniform sampler2D photo;
      out vec4 color;
      void main() { color = vec4(texture(photo, at).rgb, 1.0); }`,
    uniforms: { photo: { value: null }, part: { value: [0, 0, 1, 1] } },
  });
}
