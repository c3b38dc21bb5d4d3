/** Shaders that fill a whole target: pictures made of pictures, on the graphics processor. */
import {
  BufferAttribute,
  BufferGeometry,
  Camera,
  GLSL3,
  Mesh,
  NoBlending,
  RawShaderMaterial,
  Scene,
  WebGLRenderTarget,
  type IUniform,
  type RenderTargetOptions,
  type WebGLRenderer,
} from 'three';

const VERTEX = `
precision highp float;
in vec3 position;
out vec2 at;
void main() {
  at = position.xy * 0.5 + 0.5;
  gl_Position = vec4(position.xy, 0.0, 1.0);
}`;

const TRIANGLE = new BufferGeometry().setAttribute(
  'position',
  new BufferAttribute(new Float32Array([-1, -1, 0, 3, -1, 0, -1, 3, 0]), 3),
);

/** A fragment shader over a target. `at` is the place in the target, 0 to 1; for the face's chart it is (u, v). */
export class Pass {
  readonly uniforms: Record<string, IUniform>;
  private readonly scene = new Scene();
  private readonly camera = new Camera();
  private readonly material: RawShaderMaterial;

  constructor(fragment: string, uniforms: Record<string, unknown>) {
    this.uniforms = Object.fromEntries(Object.entries(uniforms).map(([name, value]) => [name, { value }]));
    this.material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: VERTEX,
      fragmentShader: `precision highp float;\nprecision highp sampler2D;\nin vec2 at;\nout vec4 color;\n${fragment}`,
      uniforms: this.uniforms,
      depthTest: false,
      depthWrite: false,
      blending: NoBlending,
    });
    const mesh = new Mesh(TRIANGLE, this.material);
    mesh.frustumCulled = false;
    this.scene.add(mesh);
  }

  render(renderer: WebGLRenderer, target: WebGLRenderTarget): void {
    drawInto(renderer, target, this.scene, this.camera);
  }

  dispose(): void {
    this.material.dispose();
  }
}

/** Draw a scene into a target, and leave the renderer as it was. */
export function drawInto(renderer: WebGLRenderer, target: WebGLRenderTarget, scene: Scene, camera: Camera): void {
  const before = renderer.getRenderTarget();
  const { autoClear } = renderer;
  renderer.autoClear = true;
  renderer.setRenderTarget(target);
  renderer.render(scene, camera);
  renderer.setRenderTarget(before);
  renderer.autoClear = autoClear;
}

/** A square target without depth. */
export function squareTarget(size: number, options: RenderTargetOptions = {}): WebGLRenderTarget {
  return new WebGLRenderTarget(size, size, { depthBuffer: false, ...options });
}
