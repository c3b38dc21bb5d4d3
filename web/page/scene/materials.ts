/** How the face looks in the 3D view: one shader with six looks. */
import { Color, DoubleSide, GLSL3, RawShaderMaterial, type Texture } from 'three';
import { VIEWS, type View } from '../state/state';
import type { Theme } from './theme';

/** Width and height in millimetres of the unrolled chart. */
const SHEET = [170, 190] as const;
const CLAY = new Color(0.8, 0.785, 0.765);

/**
 * With `unrolled` from 0 to 1 the face becomes the flat chart. The colours of three.js are linear; these are not:
 * everything here is in the values of the screen.
 */
const VERTEX = `
precision highp float;
in vec3 position, normal;
in vec2 uv;
uniform mat4 modelMatrix, viewMatrix, projectionMatrix;
uniform mat3 normalMatrix;
uniform float unrolled;
out vec3 n;
out vec2 at, pixel;
out float depth, ahead;
void main() {
  vec3 solid = (modelMatrix * vec4(position, 1.0)).xyz;
  vec3 sheet = vec3(vec2(uv.x - 0.5, 0.5 - uv.y) * vec2(${SHEET[0].toFixed(1)}, ${SHEET[1].toFixed(1)}), 0.0);
  vec3 facing = mat3(viewMatrix) * vec3(0.0, 0.0, 1.0);
  n = mix(normalMatrix * normal, facing, unrolled);
  at = uv;
  pixel = position.xy;
  ahead = normal.z;
  depth = solid.z;
  gl_Position = projectionMatrix * viewMatrix * vec4(mix(solid, sheet, unrolled), 1.0);
}`;

const FRAGMENT = `
precision highp float;
in vec3 n;
in vec2 at, pixel;
in float depth, ahead;
out vec4 color;
uniform sampler2D skin, chart, paint, photo;
uniform int look;
uniform float unrolled, painted, projected, grid;
uniform vec3 clay, accent, ground, ink;
uniform vec2 depths;

/** Lines at whole numbers, one pixel and a half wide at any distance; they fade where they would be too dense. */
float lines(float value, float width) {
  float perPixel = max(fwidth(value), 1e-6);
  float gap = abs(fract(value - 0.5) - 0.5) / perPixel;
  return (1.0 - smoothstep(width - 0.6, width + 0.6, gap)) * (1.0 - smoothstep(0.28, 0.5, perPixel));
}
vec3 depthColor(float share) {
  vec3 a = vec3(0.08, 0.16, 0.25), b = vec3(0.07, 0.42, 0.50), c = vec3(0.48, 0.72, 0.62), d = vec3(0.98, 0.90, 0.72);
  float s = clamp(share, 0.0, 1.0) * 3.0;
  return s < 1.0 ? mix(a, b, s) : s < 2.0 ? mix(b, c, s - 1.0) : mix(c, d, s - 2.0);
}
/** How well the camera sees the skin here: not where it turns away, and not at the outline, where a map is not exact. */
float seen() {
  vec2 most = vec2(textureSize(photo, 0)) - 1.0;
  float inside = step(0.0, pixel.x) * step(0.0, pixel.y) * step(pixel.x, most.x) * step(pixel.y, most.y);
  return inside * smoothstep(0.15, 0.45, ahead) * smoothstep(1.0, 4.0, texture(chart, at).b * 255.0 / 16.0);
}
void main() {
  vec3 m = normalize(gl_FrontFacing ? n : -n);
  float light = max(dot(m, normalize(vec3(-0.4, 0.5, 0.85))), 0.0), rim = max(m.z, 0.0);
  vec2 cells = at * grid * 0.5 - 0.25;
  if (!gl_FrontFacing && unrolled < 0.5) {
    color = vec4(mix(vec3(0.30, 0.31, 0.32), ground, 0.25) * (0.55 + 0.45 * rim), 1.0);  // plain: no mirrored face
  } else if (look == 1 || look == 3) {
    vec3 base = clay * (0.34 + 0.62 * light + 0.06 * pow(1.0 - rim, 3.0));
    color = vec4(look == 3 ? mix(base, ground, 0.35) : base, 1.0);
  } else if (look == 2) {
    float edge = max(max(lines(cells.x, 0.75), lines(cells.y, 0.75)), 0.55 * lines(cells.x - cells.y, 0.6));
    vec3 base = mix(ground, ink, 0.06 + 0.10 * light);
    color = vec4(mix(base, accent, 0.92 * edge * (0.45 + 0.55 * rim)), 1.0);
  } else if (look == 4) {
    float share = (depth - depths.x) / max(depths.y - depths.x, 1.0);
    float contour = lines(depth / 5.0, 0.7) * 0.35;
    color = vec4(mix(depthColor(share) * (0.80 + 0.26 * light), vec3(1.0), contour), 1.0);
  } else {
    vec3 base = texture(skin, at).rgb;
    if (projected > 0.5) base = mix(base, textureLod(photo, (pixel + 0.5) / vec2(textureSize(photo, 0)), 0.0).rgb, seen());
    vec4 over = texture(paint, at);
    base = mix(base, over.rgb, over.a * painted);
    vec3 lit = base * (0.74 + 0.16 * light + 0.14 * rim);
    if (look == 5) {
      vec2 coarse = at * grid / 16.0;
      float edge = max(lines(coarse.x, 0.6), lines(coarse.y, 0.6));
      lit = mix(base, mix(base, accent, 0.85), edge);
      float border = texture(chart, at).b * 255.0 / 16.0;
      lit = mix(accent, lit, smoothstep(0.6, 1.4, border));
    }
    color = vec4(lit, 1.0);
  }
}`;

export type FaceMaterial = RawShaderMaterial;

/** The material of the face in the 3D view. */
export function faceMaterial(chart: Texture, blank: Texture, size: number): FaceMaterial {
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: VERTEX,
    fragmentShader: FRAGMENT,
    side: DoubleSide,
    polygonOffset: true,
    polygonOffsetFactor: 1,
    polygonOffsetUnits: 2,
    uniforms: {
      skin: { value: blank },
      paint: { value: blank },
      chart: { value: chart },
      photo: { value: blank },
      projected: { value: 0 },
      painted: { value: 0 },
      look: { value: 0 },
      unrolled: { value: 0 },
      grid: { value: size },
      clay: { value: CLAY },
      accent: { value: new Color() },
      ground: { value: new Color() },
      ink: { value: new Color() },
      depths: { value: [0, 1] },
    },
  });
}

export function setLook(material: FaceMaterial, view: View): void {
  material.uniforms.look.value = VIEWS.indexOf(view);
}

/** The colours of the page, as the screen shows them. */
export function setTheme(material: FaceMaterial, theme: Theme): void {
  for (const name of ['accent', 'ground', 'ink'] as const) {
    material.uniforms[name].value = theme[name].clone().convertLinearToSRGB();
  }
}

/** A material of one colour, as the screen shows it; `size` is the width of a point in pixels. */
export function dotMaterial(): RawShaderMaterial {
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    transparent: true,
    vertexShader: `
      precision highp float;
      in vec3 position;
      uniform mat4 modelViewMatrix, projectionMatrix;
      uniform float size, lift;
      void main() {
        gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
        gl_Position.z -= lift * gl_Position.w;  // the points lie in the surface
        gl_PointSize = size;
      }`,
    fragmentShader: `
      precision highp float;
      uniform vec3 tint, edge;
      uniform float size;
      out vec4 color;
      void main() {
        float r = length(gl_PointCoord - 0.5) * size, full = 0.5 * size;
        float cover = 1.0 - smoothstep(full - 1.2, full, r);
        color = vec4(mix(tint, edge, smoothstep(full * 0.62 - 0.6, full * 0.62 + 0.6, r)), cover);
      }`,
    uniforms: { size: { value: 8 }, lift: { value: 0 }, tint: { value: new Color() }, edge: { value: new Color() } },
  });
}
