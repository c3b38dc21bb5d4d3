/**
 * A generated face on the reader's: its texture, with the colour and the light of the reader's skin. Eyes and the inside
 * of the mouth stay the reader's own.
 */
import {
  DoubleSide,
  GLSL3,
  Group,
  HalfFloatType,
  LinearMipmapLinearFilter,
  Mesh,
  NoBlending,
  OrthographicCamera,
  RawShaderMaterial,
  Scene,
  type BufferGeometry,
  type Texture,
  type WebGLRenderTarget,
} from 'three';
import { drawInto, Pass, squareTarget } from '../texture/pass';
import { Pool, type Effect, type EffectOptions, type Picture, type PlacedFace } from './effect';
import { onFace } from './shaders';

const SMALL = 64;
const WITH_LEVELS = { minFilter: LinearMipmapLinearFilter, generateMipmaps: true, type: HalfFloatType } as const;

/** The photo's skin in the chart, premultiplied with how well it is seen. */
const UNROLL_VERTEX = `
precision highp float;
in vec3 position, normal;
in vec2 uv;
uniform vec2 size;
out vec2 at, place;
out float facing;
void main() {
  at = uv;
  place = (position.xy + 0.5) / size;
  facing = normal.z;
  gl_Position = vec4(2.0 * uv - 1.0, 0.0, 1.0);
}`;
const UNROLL_FRAGMENT = `
precision highp float;
in vec2 at, place;
in float facing;
out vec4 color;
uniform sampler2D photo, chart;
void main() {
  vec4 where = texture(chart, at);
  float weight = smoothstep(0.2, 0.6, facing) * (1.0 - where.g) * smoothstep(2.0, 8.0, where.b * 255.0 / 16.0);
  color = vec4(textureLod(photo, place, 1.0).rgb, 1.0) * weight;
}`;

/** The generated face's plain skin, premultiplied. */
const PLAIN = `
uniform sampler2D paint, chart;
void main() {
  vec4 own = textureLod(paint, at, 2.0), where = texture(chart, at);
  color = vec4(own.rgb, 1.0) * own.a * own.a * (1.0 - where.g) * smoothstep(2.0, 8.0, where.b * 255.0 / 16.0);
}`;

const FRAGMENT = `
uniform sampler2D paint, skin, plain;
/** The smooth colour of skin: what is known nearby, or farther away. */
vec3 wide(sampler2D known, vec2 uv) {
  vec4 sum = vec4(0.0);
  for (int k = 0; k < 9; k++) {
    vec2 p = uv + 0.07 * vec2(k % 3 - 1, k / 3 - 1);
    float weight = k == 4 ? 2.0 : (k % 2 == 1 ? 1.0 : 0.6);
    sum += weight * (textureLod(known, p, 3.0) + 0.02 * textureLod(known, p, 6.0));
  }
  return sum.rgb / max(sum.a, 1e-4);
}
vec3 chroma(vec3 c) { return c / max(c.r + c.g + c.b, 0.05); }
/** How much the photo shows hair or something else than skin, above the brows and at the sides. */
float unlikeSkin(vec3 skinColor) {
  vec3 logs = log(clamp(photoAt(1.6), 0.02, 1.0)) - log(clamp(skinColor, 0.02, 1.0));
  vec3 far = vec3((logs.r - logs.g) / 0.22, (logs.b - logs.g) / 0.22, logs.g / 0.45);
  float outer = max(1.0 - smoothstep(0.11, 0.18, at.y), 1.0 - smoothstep(0.05, 0.13, min(at.x, 1.0 - at.x)));
  return smoothstep(0.8, 2.4, length(far)) * outer;
}
/** The membrane of eyes and mouth, smoothed over its neighbours: the chart is coarse, and its rims have steps. */
float softMembrane() {
  float sum = 0.0;
  for (int k = 0; k < 9; k++) {
    vec2 way = vec2(k % 3 - 1, k / 3 - 1);
    sum += texture(chart, at + way / vec2(textureSize(chart, 0))).g * (2.0 - abs(way.x)) * (2.0 - abs(way.y));
  }
  return sum / 16.0;
}
void main() {
  vec3 own = wide(skin, at), other = max(wide(plain, at), vec3(0.02)), paintColor = texture(paint, at).rgb;
  // skin takes the reader's colour; hair, which is less red, keeps its own and takes only the light
  float isSkin = 1.0 - smoothstep(0.02, 0.1, chroma(other).r - chroma(paintColor).r);
  vec3 ratio = clamp(mix(vec3(luma(own) / luma(other)), own / other, isSkin), 0.15, 4.0);
  vec3 swapped = clamp(paintColor * ratio, 0.0, 1.0);
  vec4 mean = textureLod(skin, vec2(0.5), 6.0);
  float share = border(1.0, 9.0) * smoothstep(0.03, 0.16, at.y) * smoothstep(0.08, 0.4, facing) * (1.0 - smoothstep(0.2, 0.6, softMembrane()));
  color = vec4(swapped, opacity * share * (1.0 - unlikeSkin(mean.rgb / max(mean.a, 1e-3))));
}`;

interface Swapped {
  mesh: Mesh<BufferGeometry, RawShaderMaterial>;
  skin: WebGLRenderTarget;
}

export class SwapEffect implements Effect {
  readonly object = new Group();
  private readonly plain = squareTarget(SMALL, WITH_LEVELS);
  private readonly plainPass = new Pass(PLAIN, { paint: null, chart: null });
  private plainOf: Texture | null = null;
  private readonly scene = new Scene();
  private readonly camera = new OrthographicCamera();
  private readonly unrolled: Mesh<BufferGeometry, RawShaderMaterial>;
  private readonly all = new Pool<Swapped>(() => {
    const uniforms = { photo: null, chart: null, paint: null, skin: null, plain: null, opacity: 1 };
    const mesh = new Mesh<BufferGeometry, RawShaderMaterial>(undefined, onFace(FRAGMENT, uniforms));
    mesh.frustumCulled = false;
    mesh.scale.y = -1;
    this.object.add(mesh);
    return { mesh, skin: squareTarget(SMALL, WITH_LEVELS) };
  });

  constructor() {
    this.unrolled = new Mesh(
      undefined,
      new RawShaderMaterial({
        glslVersion: GLSL3,
        vertexShader: UNROLL_VERTEX,
        fragmentShader: UNROLL_FRAGMENT,
        uniforms: { photo: { value: null }, chart: { value: null }, size: { value: [1, 1] } },
        blending: NoBlending,
        depthTest: false,
        side: DoubleSide,
      }),
    );
    this.unrolled.frustumCulled = false;
    this.scene.add(this.unrolled);
  }

  update(picture: Picture, faces: readonly PlacedFace[], options: EffectOptions): void {
    for (const { mesh } of this.all.everything) mesh.visible = false;
    const { texture } = options;
    if (!texture) return;
    if (this.plainOf !== texture) {
      this.plainPass.uniforms.paint.value = texture;
      this.plainPass.uniforms.chart.value = picture.chart;
      this.plainPass.render(picture.renderer, this.plain);
      this.plainOf = texture;
    }
    this.all.take(faces.length).forEach((one, k) => this.place(one, picture, faces[k], texture, options.opacity));
  }

  dispose(): void {
    this.plain.dispose();
    this.plainPass.dispose();
    this.unrolled.material.dispose();
    for (const { mesh, skin } of this.all.everything) {
      mesh.material.dispose();
      skin.dispose();
    }
  }

  private place(
    { mesh, skin }: Swapped,
    picture: Picture,
    { shape, z }: PlacedFace,
    paint: Texture,
    opacity: number,
  ): void {
    shape.needNormals();
    const { uniforms: own } = this.unrolled.material;
    this.unrolled.geometry = shape.geometry;
    own.photo.value = picture.photo;
    own.chart.value = picture.chart;
    own.size.value = [picture.canvas.width, picture.canvas.height];
    drawInto(picture.renderer, skin, this.scene, this.camera);
    mesh.geometry = shape.geometry;
    mesh.position.z = z;
    mesh.visible = true;
    const values = {
      photo: picture.photo,
      chart: picture.chart,
      paint,
      skin: skin.texture,
      plain: this.plain.texture,
      opacity,
    };
    for (const [name, value] of Object.entries(values)) mesh.material.uniforms[name].value = value;
  }
}
