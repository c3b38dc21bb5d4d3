/** The face's texture in the chart, made from the photo by {@link ./shaders}. */
import {
  DataTexture,
  DoubleSide,
  FloatType,
  GLSL3,
  HalfFloatType,
  LinearFilter,
  LinearMipmapLinearFilter,
  Mesh,
  NearestFilter,
  NoBlending,
  OrthographicCamera,
  RawShaderMaterial,
  RGBAFormat,
  Scene,
  Vector2,
  Vector3,
  WebGLRenderTarget,
  type Texture,
  type WebGLRenderer,
} from 'three';
import type { Face, FaceMesh } from '../../src/index';
import { bounds } from '../faces/geometry';
import type { FaceShape } from '../scene/face-shape';
import { chartPicture } from './chart';
import { drawInto, Pass, squareTarget } from './pass';
import * as shaders from './shaders';

/** Cells a side of the depth picture: about 1.3 for each row of Python's z-buffer. */
const DEPTH_CELLS = 192;
const WITH_LEVELS = { minFilter: LinearMipmapLinearFilter, generateMipmaps: true, type: HalfFloatType } as const;

/**
 * Texels a side that show all of a photo: a power of two, at least twice the height of the face in pixels.
 *
 * @param height of the face in the photo, in pixels
 * @param most upper limit
 */
export function textureSide(height: number, most: number): number {
  return Math.min(most, Math.max(256, 2 ** Math.ceil(Math.log2(Math.max(2 * height, 1)))));
}

/** The chart as a texture: r the face, g the membrane, b the distance to the border. */
export function chartTexture(mesh: FaceMesh): DataTexture {
  const texture = new DataTexture(chartPicture(mesh, mesh.size), mesh.size, mesh.size, RGBAFormat);
  texture.minFilter = texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}

export class SkinTexture {
  private readonly values: Float32Array<ArrayBuffer>;
  private readonly positions: DataTexture;
  private readonly depth: WebGLRenderTarget;
  private readonly depthMaterial: RawShaderMaterial;
  private readonly depthScene = new Scene();
  private readonly depthMesh = new Mesh();
  private readonly depthCamera = new OrthographicCamera();
  private readonly small: Record<
    'seen' | 'grown' | 'trusted' | 'skin' | 'unlike' | 'trust' | 'sides',
    WebGLRenderTarget
  >;
  private readonly passes: Record<string, Pass>;
  private readonly smoothed: WebGLRenderTarget;
  private mixed: WebGLRenderTarget | null = null;
  private filled: WebGLRenderTarget | null = null;

  constructor(
    private readonly mesh: FaceMesh,
    chart: Texture,
  ) {
    const n = mesh.size;
    this.values = new Float32Array(4 * n * n);
    this.positions = new DataTexture(this.values, n, n, RGBAFormat, FloatType);
    this.depth = squareTarget(DEPTH_CELLS, { depthBuffer: true, minFilter: NearestFilter, magFilter: NearestFilter });
    this.depthMaterial = depthMaterial();
    this.depthMesh.material = this.depthMaterial;
    this.depthMesh.frustumCulled = false;
    this.depthScene.add(this.depthMesh);
    this.small = {
      seen: squareTarget(n),
      grown: squareTarget(n),
      trusted: squareTarget(n),
      skin: squareTarget(n, WITH_LEVELS),
      unlike: squareTarget(n, WITH_LEVELS),
      trust: squareTarget(n),
      sides: squareTarget(n, WITH_LEVELS),
    };
    this.smoothed = squareTarget(n);
    this.passes = this.makePasses(chart);
  }

  /** The finished texture; its first row is v = 0. */
  get texture(): Texture | null {
    return this.filled?.texture ?? null;
  }

  /**
   * Make the texture of a face.
   *
   * @param photo the picture that the face was found in, its first row first
   * @param side texels a side
   */
  update(renderer: WebGLRenderer, photo: Texture, face: Face, shape: FaceShape, side: number): void {
    this.resize(side);
    this.upload(face);
    const { low, high } = bounds(face.vertices);
    const margin = [0, 1, 2].map((axis) => 0.02 * (high[axis] - low[axis]) + 1e-3);
    const from = new Vector3(...low.map((value, axis) => value - margin[axis]));
    const to = new Vector3(...high.map((value, axis) => value + margin[axis]));
    this.depthMaterial.uniforms.low.value = this.passes.seen.uniforms.low.value = from;
    this.depthMaterial.uniforms.high.value = this.passes.seen.uniforms.high.value = to;
    const picture = photo.image as { width: number; height: number };
    this.passes.seen.uniforms.size.value = new Vector2(picture.width, picture.height);
    for (const pass of Object.values(this.passes)) if ('photo' in pass.uniforms) pass.uniforms.photo.value = photo;
    this.depthMesh.geometry = shape.geometry;
    drawInto(renderer, this.depth, this.depthScene, this.depthCamera);
    for (const [name, target] of Object.entries(this.small)) this.passes[name].render(renderer, target);
    if (!this.mixed || !this.filled) return;
    this.passes.mixed.uniforms.side.value = side;
    this.passes.mixed.render(renderer, this.mixed);
    this.passes.smooth.render(renderer, this.smoothed);
    this.passes.filled.render(renderer, this.filled);
  }

  /** The texture as pixels, row by row from v = 0: side x side x 4. Null before {@link update}. */
  pixels(renderer: WebGLRenderer): ImageData | null {
    if (!this.filled) return null;
    const side = this.filled.width;
    const data = new Uint8ClampedArray(4 * side * side);
    renderer.readRenderTargetPixels(this.filled, 0, 0, side, side, data);
    return new ImageData(data, side, side);
  }

  private resize(side: number): void {
    if (this.filled?.width === side) return;
    this.mixed?.dispose();
    this.filled?.dispose();
    this.mixed = squareTarget(side, WITH_LEVELS);
    this.filled = squareTarget(side, { minFilter: LinearMipmapLinearFilter, generateMipmaps: true });
    this.filled.texture.anisotropy = 4;
    for (const name of ['smooth', 'filled']) this.passes[name].uniforms.mixed.value = this.mixed.texture;
  }

  private upload({ positionMap }: Face): void {
    const n = this.mesh.size * this.mesh.size;
    for (let k = 0; k < n; k++) {
      this.values[4 * k] = positionMap[3 * k];
      this.values[4 * k + 1] = positionMap[3 * k + 1];
      this.values[4 * k + 2] = positionMap[3 * k + 2];
    }
    this.positions.needsUpdate = true;
  }

  private makePasses(chart: Texture): Record<string, Pass> {
    const { positions } = this;
    const of = (name: keyof SkinTexture['small']): Texture => this.small[name].texture;
    const seen = { positions, chart, depths: this.depth.texture, low: null, high: null, size: null };
    return {
      seen: new Pass(shaders.SEEN, seen),
      grown: new Pass(shaders.GROWN, { seen: of('seen'), chart }),
      trusted: new Pass(shaders.TRUSTED, { grown: of('grown'), chart }),
      skin: new Pass(shaders.SKIN, { positions, photo: null, trusted: of('trusted'), chart }),
      unlike: new Pass(shaders.UNLIKE, { positions, photo: null, skin: of('skin') }),
      trust: new Pass(shaders.TRUST, { trusted: of('trusted'), unlike: of('unlike') }),
      sides: new Pass(shaders.SIDES, { positions, photo: null, trust: of('trust') }),
      mixed: new Pass(shaders.MIXED, {
        positions,
        photo: null,
        trust: of('trust'),
        sides: of('sides'),
        chart,
        side: 1,
      }),
      smooth: new Pass(shaders.SMOOTH, { mixed: null }),
      filled: new Pass(shaders.FILLED, { mixed: null, smoothed: this.smoothed.texture }),
    };
  }
}

function depthMaterial(): RawShaderMaterial {
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: shaders.DEPTH_VERTEX,
    fragmentShader: shaders.DEPTH_FRAGMENT,
    uniforms: { low: { value: null }, high: { value: null } },
    blending: NoBlending,
    side: DoubleSide,
  });
}
