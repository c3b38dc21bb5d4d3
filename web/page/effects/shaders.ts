/** Pieces of shaders that are drawn on the face in the picture. */
import { GLSL3, RawShaderMaterial, type Side, FrontSide } from 'three';

export const FACE_VERTEX = `
precision highp float;
in vec3 position, normal, smoothNormal;
in vec2 uv;
uniform mat4 modelViewMatrix, projectionMatrix;
out vec2 at;
out vec2 pixel;
out float facing;
out vec3 soft;
void main() {
  at = uv;
  pixel = position.xy;
  facing = normal.z;
  soft = smoothNormal * vec3(1.0, -1.0, 1.0);  // y up
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

/** The photo at a pixel, and how much an edit counts here: it fades toward the outline, where the map is not exact. */
export const FACE_COMMON = `
precision highp float;
in vec2 at;
in vec2 pixel;
in float facing;
in vec3 soft;
out vec4 color;
uniform sampler2D photo, chart;
uniform float opacity;
vec3 photoAt(float level) { return textureLod(photo, (pixel + 0.5) / vec2(textureSize(photo, 0)), level).rgb; }
float border(float from, float to) { return smoothstep(from, to, texture(chart, at).b * 255.0 / 16.0); }
float luma(vec3 c) { return dot(c, vec3(0.299, 0.587, 0.114)); }
vec3 toLinear(vec3 c) { return pow(c, vec3(2.2)); }
vec3 toScreen(vec3 c) { return pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2)); }
`;

/** A material drawn over a face; it is blended with the picture by its alpha. */
export function onFace(fragment: string, uniforms: Record<string, unknown>, side: Side = FrontSide): RawShaderMaterial {
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    transparent: true,
    side,
    vertexShader: FACE_VERTEX,
    fragmentShader: FACE_COMMON + fragment,
    uniforms: Object.fromEntries(Object.entries(uniforms).map(([name, value]) => [name, { value }])),
  });
}
