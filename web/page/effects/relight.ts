/** Another light on the face: the photo times the ratio of the new light to the old (Wen, Liu and Huang, CVPR 2003). */
import {
  Color,
  GLSL3,
  Group,
  Mesh,
  MultiplyBlending,
  PlaneGeometry,
  RawShaderMaterial,
  Vector3,
  type BufferGeometry,
} from 'three';
import type { Lamp } from '../state/state';
import { Pool, type Effect, type EffectOptions, type Picture, type PlacedFace } from './effect';
import { dot, fitHarmonics, harmonicsAt } from './light-fit';
import { onFace } from './shaders';
import { skinSamples } from './skin-samples';

/** Share of a new estimate of a video's light; it changes slowly, its estimate does not. */
const SETTLING = 0.2;

/** Colours of two lamps, linear; the second one shines from the other side. */
interface LightKind {
  lamp: Color;
  second: Color;
  /** Strength of the second lamp relative to the first. */
  secondShare: number;
}
const KINDS: Record<string, LightKind> = {
  lamp: { lamp: new Color(1.0, 0.97, 0.92), second: new Color(1, 1, 1), secondShare: 0 },
  sunset: { lamp: new Color(1.5, 0.86, 0.42), second: new Color(0.5, 0.55, 1.2), secondShare: 0.25 },
  neon: { lamp: new Color(1.7, 0.3, 1.05), second: new Color(0.15, 0.95, 1.9), secondShare: 0.85 },
};

const FRAGMENT = `
uniform float harmonics[9];
uniform vec3 toward, lampColor, second, secondColor;
uniform float ambient, mean;
void main() {
  vec3 n = normalize(soft);
  float old = harmonics[0] * 0.282095 + harmonics[1] * 0.488603 * n.y + harmonics[2] * 0.488603 * n.z
    + harmonics[3] * 0.488603 * n.x + harmonics[4] * 1.092548 * n.x * n.y + harmonics[5] * 1.092548 * n.y * n.z
    + harmonics[6] * 0.315392 * (3.0 * n.z * n.z - 1.0) + harmonics[7] * 1.092548 * n.x * n.z
    + harmonics[8] * 0.546274 * (n.x * n.x - n.y * n.y);
  // a soft lamp reaches a little around the edge
  float first = max((dot(n, toward) + 0.15) / 1.15, 0.0), other = max(dot(n, second), 0.0);
  vec3 light = vec3(ambient) + (1.0 - ambient) * (first * lampColor + other * secondColor);
  vec3 ratio = min(light / mean / clamp(old, 0.45, 1.8), vec3(2.2));
  ratio = mix(ratio, pow(ratio, vec3(0.86, 1.0, 1.08)), step(ratio, vec3(1.0)));  // shadows on skin are warm
  vec3 lit = toLinear(photoAt(0.0)) * ratio;
  vec3 shoulder = lit / (1.0 + max(lit - 0.75, 0.0));  // bright skin does not burn out
  color = vec4(toScreen(shoulder), opacity * border(0.2, 5.0) * smoothstep(0.0, 0.25, facing));
}`;

/** What is around the face gets darker away from the lamps: drawn over the whole picture, which it multiplies. */
const ROOM_FRAGMENT = `
precision highp float;
in vec2 pixel;
out vec4 color;
uniform vec2 centre, lamp;
uniform vec3 lampColor, secondColor;
uniform float reach, ambient;
float near(vec2 place, vec2 from) { vec2 d = place - from; return exp(-0.42 * dot(d, d)); }
void main() {
  vec2 place = (pixel - centre) / reach * vec2(1.0, -1.0);
  vec3 light = lampColor * near(place, lamp) + secondColor * near(place, -lamp);
  color = vec4(pow(clamp(ambient + (1.0 - ambient) * light, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}`;
const ROOM_VERTEX = `
precision highp float;
in vec3 position;
uniform mat4 projectionMatrix;
out vec2 pixel;
void main() {
  gl_Position = vec4(position.xy, 0.0, 1.0);
  pixel = (inverse(projectionMatrix) * gl_Position).xy * vec2(1.0, -1.0);
}`;

/** Unit vector toward a lamp at a place on the picture. */
export function lampDirection(lamp: Lamp): [number, number, number] {
  const length = Math.min(Math.hypot(lamp.x, lamp.y), 1);
  const angle = length * 1.35; // at the edge the lamp stands beside the face
  const share = length > 1e-6 ? Math.sin(angle) / Math.hypot(lamp.x, lamp.y) : 0;
  return [lamp.x * share, lamp.y * share, Math.cos(angle)];
}

export class RelightEffect implements Effect {
  readonly object = new Group();
  private readonly room = new Mesh(new PlaneGeometry(2, 2), roomMaterial());
  private readonly before = new Map<number, number[]>();
  private readonly meshes = new Pool(() => {
    const uniforms = { photo: null, chart: null, opacity: 1, harmonics: new Array<number>(9).fill(0), ambient: 0.3 };
    const lamps = { toward: new Vector3(), lampColor: null, second: new Vector3(), secondColor: null, mean: 1 };
    const mesh = new Mesh<BufferGeometry, RawShaderMaterial>(undefined, onFace(FRAGMENT, { ...uniforms, ...lamps }));
    mesh.frustumCulled = false;
    mesh.scale.y = -1;
    this.object.add(mesh);
    return mesh;
  });

  constructor() {
    this.room.frustumCulled = false;
    this.room.renderOrder = -8;
    this.object.add(this.room);
  }

  update(picture: Picture, faces: readonly PlacedFace[], options: EffectOptions): void {
    for (const mesh of this.meshes.everything) mesh.visible = false;
    this.room.visible = faces.length > 0;
    if (faces.length) this.setRoom(faces[faces.length - 1], options);
    this.meshes.take(faces.length).forEach((mesh, k) => {
      const placed = faces[k];
      const samples = skinSamples(picture.canvas, placed, picture.mesh);
      const basis = samples.normals.map((normal) => harmonicsAt(...normal));
      const harmonics = this.settled(placed.face.id, fitHarmonics(basis, samples.brightness), picture.live);
      mesh.visible = harmonics !== null;
      if (!harmonics) return;
      mesh.geometry = placed.shape.geometry;
      mesh.position.z = placed.z;
      const { uniforms } = mesh.material;
      const old = basis.reduce((sum, row) => sum + dot(row, harmonics), 0) / basis.length;
      uniforms.harmonics.value = harmonics.map((value) => value / old);
      uniforms.photo.value = picture.photo;
      uniforms.chart.value = picture.chart;
      this.setLamps(mesh.material, samples.normals, options);
    });
  }

  dispose(): void {
    for (const mesh of [...this.meshes.everything, this.room]) mesh.material.dispose();
  }

  /** Light the surroundings as the largest face is lit. */
  private setRoom({ face }: PlacedFace, { lamp, variant }: EffectOptions): void {
    const kind = KINDS[variant] ?? KINDS.lamp;
    const { translation: t, scale } = face.pose;
    const brightest = ({ r, g, b }: Color): number => Math.max(r, g, b);
    const values = {
      centre: [t[0], t[1]],
      lamp: [lamp.x, lamp.y],
      lampColor: kind.lamp.clone().multiplyScalar(1 / brightest(kind.lamp)),
      secondColor: kind.second.clone().multiplyScalar(kind.secondShare / brightest(kind.second)),
      reach: 150 * scale,
      ambient: 1 - 0.85 * lamp.strength,
    };
    for (const [name, value] of Object.entries(values)) this.room.material.uniforms[name].value = value;
  }

  private setLamps({ uniforms }: RawShaderMaterial, normals: [number, number, number][], options: EffectOptions): void {
    const kind = KINDS[options.variant] ?? KINDS.lamp;
    const [x, y, z] = lampDirection(options.lamp);
    const ambient = 1 - options.lamp.strength;
    const second = new Vector3(-x, Math.max(-y, -0.2), Math.max(0.25, z * 0.4)).normalize();
    uniforms.toward.value.set(x, y, z);
    uniforms.second.value.copy(second);
    uniforms.lampColor.value = kind.lamp.clone().multiplyScalar(1 / brightness(kind.lamp));
    uniforms.secondColor.value = kind.second.clone().multiplyScalar(kind.secondShare / brightness(kind.second));
    uniforms.ambient.value = ambient;
    let sum = 0;
    for (const [a, b, c] of normals) {
      const first = Math.max((a * x + b * y + c * z + 0.15) / 1.15, 0);
      const other = kind.secondShare * Math.max(a * second.x + b * second.y + c * second.z, 0);
      sum += ambient + (1 - ambient) * (first + other);
    }
    // the face keeps half of its mean brightness: a lamp from the side leaves it darker, as it should
    uniforms.mean.value = Math.sqrt(Math.max(sum / normals.length, 0.05) * 0.8);
  }

  private settled(id: number, found: number[] | null, live: boolean): number[] | null {
    const before = this.before.get(id);
    if (!found) return before ?? null;
    const share = before && live ? SETTLING : 1;
    const next = found.map((value, k) => (before ? before[k] + share * (value - before[k]) : value));
    this.before.set(id, next);
    return next;
  }
}

function roomMaterial(): RawShaderMaterial {
  const names = ['centre', 'lamp', 'lampColor', 'secondColor', 'reach', 'ambient'];
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: ROOM_VERTEX,
    fragmentShader: ROOM_FRAGMENT,
    uniforms: Object.fromEntries(names.map((name) => [name, { value: null }])),
    blending: MultiplyBlending,
    premultipliedAlpha: true,
    transparent: true,
    depthTest: false,
    depthWrite: false,
  });
}

function brightness(color: Color): number {
  return (color.r + color.g + color.b) / 3;
}
