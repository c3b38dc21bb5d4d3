/** What is drawn over a face on the picture: its mesh, its landmarks, its gaze. */
import { FrontSide, GLSL3, Group, Mesh, RawShaderMaterial, type BufferGeometry, type Color } from 'three';
import type { Face, FaceMesh } from '../../src/index';
import type { FaceShape } from '../scene/face-shape';
import { GazeRays } from '../scene/gaze-rays';
import { LandmarkDots } from '../scene/landmark-dots';
import type { Theme } from '../scene/theme';

export interface OverlayChoice {
  mesh: boolean;
  landmarks: boolean;
  gaze: boolean;
}

/** Lines along every fourth row and column of the map, in a colour that shows on light and on dark skin. */
function gridMaterial(size: number): RawShaderMaterial {
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    transparent: true,
    depthWrite: true,
    side: FrontSide,
    vertexShader: `
      precision highp float;
      in vec3 position, normal;
      in vec2 uv;
      uniform mat4 modelViewMatrix, projectionMatrix;
      out vec2 at;
      out float facing;
      void main() {
        at = uv;
        facing = normal.z;
        gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
      }`,
    fragmentShader: `
      precision highp float;
      in vec2 at;
      in float facing;
      uniform float grid;
      uniform vec3 tint;
      out vec4 color;
      float lines(float value) {
        float perPixel = max(fwidth(value), 1e-6);
        float gap = abs(fract(value - 0.5) - 0.5) / perPixel;
        return (1.0 - smoothstep(0.1, 1.3, gap)) * (1.0 - smoothstep(0.3, 0.5, perPixel));
      }
      void main() {
        vec2 cells = at * grid * 0.25 - 0.125;
        float edge = max(lines(cells.x), lines(cells.y));
        color = vec4(tint, edge * 0.85 * smoothstep(0.0, 0.35, facing));
      }`,
    uniforms: { grid: { value: size }, tint: { value: null } },
  });
}

/** One face's drawings; the group is in upright pixels, the parts in those of the photo. */
export class FaceOverlay extends Group {
  private readonly grid: Mesh<BufferGeometry, RawShaderMaterial>;
  private readonly dots = new LandmarkDots();
  private readonly rays = new GazeRays();

  constructor(
    mesh: FaceMesh,
    private readonly shape: FaceShape,
  ) {
    super();
    this.grid = new Mesh(shape.geometry, gridMaterial(mesh.size));
    this.grid.frustumCulled = false;
    this.grid.scale.y = this.dots.scale.y = -1;
    this.dots.onTop();
    this.rays.onTop();
    this.add(this.grid, this.dots, this.rays);
  }

  paint(theme: Theme, tint: Color, dotSize: number): void {
    this.grid.material.uniforms.tint.value = tint.clone().convertLinearToSRGB();
    this.dots.paint(tint, theme.ground, dotSize);
    this.rays.paint(tint);
  }

  update(face: Face, choice: OverlayChoice): void {
    this.grid.visible = choice.mesh;
    this.dots.visible = choice.landmarks;
    this.rays.visible = choice.gaze;
    if (choice.mesh) this.shape.needNormals();
    if (choice.landmarks) this.dots.move(face.landmarks);
    if (choice.gaze) this.rays.update(face);
  }
}
