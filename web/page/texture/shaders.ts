/**
 * Shaders that make the face's texture from the photo, after `uv/texture.py` of the Python package: colours where the
 * camera sees the face, the mirrored side where it does not, and smooth colours where neither is seen.
 *
 * All are drawn over the chart: `at` is (u, v). The numbers are the Python package's, in texels of 128.
 */

/** Reads the position map, whose texels cannot be filtered on all devices. */
const POSITION = `
uniform sampler2D positions;
vec3 texel(ivec2 t) { return texelFetch(positions, clamp(t, ivec2(0), textureSize(positions, 0) - 1), 0).xyz; }
vec3 place(vec2 uv) {
  vec2 p = uv * vec2(textureSize(positions, 0)) - 0.5;
  ivec2 t = ivec2(floor(p));
  vec2 f = p - floor(p);
  return mix(mix(texel(t), texel(t + ivec2(1, 0)), f.x), mix(texel(t + ivec2(0, 1)), texel(t + ivec2(1, 1)), f.x), f.y);
}`;

/** Reads the photo at pixels. */
const PHOTO = `
uniform sampler2D photo;
vec3 colorAt(vec2 pixel) { return textureLod(photo, (pixel + 0.5) / vec2(textureSize(photo, 0)), 0.0).rgb; }`;

/** Fills what is not known from what is: a pyramid, each level the mean of the finer one ("pull-push"). */
const PULLED = `
vec4 pulled(sampler2D known, vec2 uv) {
  vec4 sum = vec4(0.0);
  float top = log2(float(textureSize(known, 0).x));
  bool any = false;
  for (float level = top; level > -0.5; level -= 1.0) {
    vec4 value = textureLod(known, uv, level);
    if (value.a < 0.0005) continue;
    float share = any ? clamp(level > 0.5 ? 4.0 * value.a : value.a, 0.0, 1.0) : 1.0;
    sum = mix(sum, vec4(value.rgb / value.a, 1.0), share);
    any = true;
  }
  return sum;
}`;

const RAMP = `
float ramp(float value, float low, float high) { return clamp((value - low) / (high - low), 0.0, 1.0); }
/** How much the colour of a texel must be that of skin: 0 in the middle of the chart, 1 outside. */
float outerPart(vec2 uv) {
  vec2 d = uv - vec2(0.5, 0.55);
  d.y /= d.y < 0.0 ? 0.54 : 0.47;
  d.x /= 0.42;
  return ramp(length(d), 0.62, 0.9);
}`;

/** The depth of the face in the photo, in two bytes; nothing is 0. Drawn with the mesh, not over the chart. */
export const DEPTH_VERTEX = `
precision highp float;
in vec3 position;
uniform vec3 low, high;
out float depth;
void main() {
  vec3 p = (position - low) / (high - low);
  depth = p.z;
  gl_Position = vec4(2.0 * p.xy - 1.0, 1.0 - 2.0 * p.z, 1.0);
}`;
export const DEPTH_FRAGMENT = `
precision highp float;
in float depth;
out vec4 color;
void main() {
  float level = 1.0 + 65534.0 * clamp(depth, 0.0, 1.0);
  color = vec4(floor(level / 256.0) / 255.0, mod(floor(level), 256.0) / 255.0, 0.0, 1.0);
}`;

/** What the camera sees: r seen, g cosine of the normal to the camera, b the face. */
export const SEEN = `
${POSITION}
uniform sampler2D depths, chart;
uniform vec3 low, high;
uniform vec2 size;
void main() {
  ivec2 t = ivec2(gl_FragCoord.xy);
  vec3 p = texel(t);
  const vec3 up = vec3(1.0, -1.0, 1.0);
  vec3 right = up * (texel(t + ivec2(1, 0)) - texel(t - ivec2(1, 0)));
  vec3 down = up * (texel(t + ivec2(0, 1)) - texel(t - ivec2(0, 1)));
  float cosine = normalize(cross(down, right) + vec3(0.0, 0.0, 1e-9)).z;
  vec3 q = (p - low) / (high - low);
  vec2 level = texture(depths, q.xy).rg * 255.0;
  float front = (level.r * 256.0 + level.g - 1.0) / 65534.0;
  bool visible = q.z >= front - 0.02 * (high.y - low.y) / (high.z - low.z);
  bool inside = all(greaterThanEqual(p.xy, vec2(0.0))) && all(lessThanEqual(p.xy, size - 1.0));
  color = vec4(visible && inside ? 1.0 : 0.0, 0.5 + 0.5 * cosine, texture(chart, at).r, 1.0);
}`;

/** r the seen part made smaller by two texels, g whether the camera loses the surface here, b the cosine. */
export const GROWN = `
uniform sampler2D seen, chart;
void main() {
  ivec2 t = ivec2(gl_FragCoord.xy), last = textureSize(seen, 0) - 1;
  float least = 1.0, lost = 0.0;
  for (int y = -2; y <= 2; y++) for (int x = -2; x <= 2; x++) {
    ivec2 s = clamp(t + ivec2(x, y), ivec2(0), last);
    vec3 v = texelFetch(seen, s, 0).rgb;
    least = min(least, v.b > 0.5 ? v.r : 1.0);
    bool membrane = texelFetch(chart, s, 0).g > 0.5;
    lost += v.b > 0.5 && !membrane && (v.r < 0.5 || v.g < 0.625) ? 1.0 : 0.0;
  }
  color = vec4(least, lost > 12.5 ? 1.0 : 0.0, texelFetch(seen, t, 0).g, 1.0);
}`;

/** Trust by geometry: r. It falls toward outlines, where a map is not exact enough. */
export const TRUSTED = `
${RAMP}
uniform sampler2D grown, chart;
void main() {
  ivec2 t = ivec2(gl_FragCoord.xy), last = textureSize(grown, 0) - 1;
  float sum = 0.0, total = 0.0, near = 0.0;
  for (int y = -4; y <= 4; y++) for (int x = -4; x <= 4; x++) {
    vec3 v = texelFetch(grown, clamp(t + ivec2(x, y), ivec2(0), last), 0).rgb;
    float far = length(vec2(x, y)), weight = exp(-far * far / 4.5);
    sum += weight * v.r;
    total += weight;
    near = max(near, v.g * (1.0 - ramp(far, 0.6, 4.0)));
  }
  float cosine = 2.0 * texelFetch(grown, t, 0).b - 1.0;
  float trust = sum / total * ramp(cosine, 0.05, 0.25) * (1.0 - near) * texelFetch(chart, t, 0).r;
  color = vec4(trust, 0.5 + 0.5 * cosine, 0.0, 1.0);
}`;

/** Tone and light of trusted skin in the middle of the face, premultiplied, for their means. */
export const SKIN = `
${POSITION}${PHOTO}${RAMP}
uniform sampler2D trusted, chart;
void main() {
  vec3 logs = log(clamp(255.0 * colorAt(place(at).xy), 6.0, 255.0));
  float weight = outerPart(at) > 0.0 || texture(chart, at).g > 0.5 ? 0.0 : step(0.9, texture(trusted, at).r);
  color = vec4(logs.r - logs.g, logs.b - logs.g, logs.g, 1.0) * weight;
}`;

/** How much a texel differs from the skin in tone, or in brightness from the smooth light: r. */
export const UNLIKE = `
${POSITION}${PHOTO}${RAMP}${PULLED}
uniform sampler2D skin;
void main() {
  vec4 mean = textureLod(skin, vec2(0.5), log2(float(textureSize(skin, 0).x)));
  if (mean.a < 0.012) { color = vec4(0.0, 0.0, 0.0, 1.0); return; }
  vec3 logs = log(clamp(255.0 * colorAt(place(at).xy), 6.0, 255.0));
  vec2 tone = (vec2(logs.r, logs.b) - logs.g - mean.rg / mean.a) / 0.19;
  float smoothLight = 0.0;
  for (int k = 0; k < 9; k++) smoothLight += pulled(skin, at + 0.06 * vec2(k % 3 - 1, k / 3 - 1)).b / 9.0;
  float light = (logs.g - smoothLight) / 0.4;
  color = vec4(ramp(length(vec3(tone, light)), 1.0, 2.0), 0.0, 0.0, 1.0);
}`;

/** The final trust: r, and the cosine: g. Hair and background near the outline are not trusted; a beard is. */
export const TRUST = `
${RAMP}
uniform sampler2D trusted, unlike;
void main() {
  float most = 0.0, sum = 0.0;
  vec2 step1 = 1.0 / vec2(textureSize(unlike, 0));
  for (int y = -3; y <= 3; y++) for (int x = -3; x <= 3; x++) {
    float v = texture(unlike, at + step1 * vec2(x, y)).r;
    most = max(most, abs(x) < 3 && abs(y) < 3 ? v : 0.0);
    sum += v / 49.0;
  }
  float beard = step(0.25, textureLod(unlike, vec2(0.5, 0.92), 4.0).r) * ramp(at.y, 0.5, 0.65);
  float other = mix(sum, most, 0.5) * outerPart(at) * (1.0 - beard);
  color = vec4(texture(trusted, at).r * (1.0 - other), texture(trusted, at).g, 0.0, 1.0);
}`;

/** The difference of the two sides where both are seen, premultiplied: the light is not symmetric. */
export const SIDES = `
${POSITION}${PHOTO}
uniform sampler2D trust;
void main() {
  vec2 mirror = vec2(1.0 - at.x, at.y);
  float weight = texture(trust, at).r * texture(trust, mirror).r;
  color = vec4(colorAt(place(at).xy) - colorAt(place(mirror).xy), 1.0) * weight;
}`;

/** The colours of the photo and of the mirrored side, premultiplied with how well they are known. */
export const MIXED = `
${POSITION}${PHOTO}${RAMP}${PULLED}
uniform sampler2D trust, sides, chart;
uniform float side;
vec3 colors(vec2 uv) {
  vec3 sum = vec3(0.0);
  for (int k = 0; k < 4; k++) sum += colorAt(place(uv + (vec2(k & 1, k >> 1) - 0.5) * 0.5 / side).xy) / 4.0;
  return sum;
}
void main() {
  vec2 mirror = vec2(1.0 - at.x, at.y);
  vec2 own = texture(trust, at).rg, other = texture(trust, mirror).rg;
  float ratio = (2.0 * own.g - 1.0) / max(2.0 * other.g - 1.0, 1e-3);
  float direct = own.r * max(ramp(ratio, 0.2, 0.5), 1.0 - other.r);
  float mirrored = (1.0 - direct) * other.r;
  vec3 difference = pulled(sides, at).rgb;
  float light = dot(difference, vec3(1.0 / 3.0));
  difference = light + clamp(difference - light, -0.04, 0.04);
  float face = texture(chart, at).r;
  color = vec4(direct * colors(at) + mirrored * (colors(mirror) + difference), direct + mirrored) * face;
}`;

/** What is continued smoothly from the known colours, in a small picture. */
export const SMOOTH = `
${PULLED}
uniform sampler2D mixed;
void main() {
  vec3 sum = vec3(0.0);
  vec2 near = vec2(3.0 / 128.0);
  for (int k = 0; k < 9; k++) sum += pulled(mixed, at + near * vec2(k % 3 - 1, k / 3 - 1)).rgb / 9.0;
  color = vec4(sum, 1.0);
}`;

/** The texture: what is known, over what is continued from it. */
export const FILLED = `
uniform sampler2D mixed, smoothed;
void main() {
  vec4 own = texture(mixed, at);
  vec3 direct = own.rgb / max(own.a, 1e-4);
  color = vec4(clamp(mix(texture(smoothed, at).rgb, direct, clamp(own.a, 0.0, 1.0)), 0.0, 1.0), 1.0);
}`;
