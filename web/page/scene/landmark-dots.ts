/** The 68 landmarks as points and lines, on the picture and on the 3D face. */
import {
  BufferAttribute,
  BufferGeometry,
  Color,
  Group,
  LineBasicMaterial,
  LineSegments,
  Points,
  type RawShaderMaterial,
} from 'three';
import { landmarkPairs } from '../faces/landmarks';
import { dotMaterial } from './materials';

export class LandmarkDots extends Group {
  private readonly places = new BufferAttribute(new Float32Array(68 * 3), 3);
  private readonly dots: Points<BufferGeometry, RawShaderMaterial>;
  private readonly lines: LineSegments<BufferGeometry, LineBasicMaterial>;

  constructor() {
    super();
    const points = new BufferGeometry().setAttribute('position', this.places);
    const joined = new BufferGeometry().setAttribute('position', this.places);
    joined.setIndex(landmarkPairs().flat());
    this.dots = new Points(points, dotMaterial());
    this.lines = new LineSegments(joined, new LineBasicMaterial({ transparent: true, opacity: 0.9 }));
    for (const part of [this.lines, this.dots]) part.frustumCulled = false;
    this.dots.renderOrder = 2;
    this.lines.renderOrder = 1;
    this.add(this.lines, this.dots);
  }

  /** Move the points, 68 x 3 in the frame of the group's parent. */
  move(landmarks: ArrayLike<number>): void {
    this.places.array.set(landmarks);
    this.places.needsUpdate = true;
  }

  /** @param tint of points and lines, @param edge around the points, @param size in pixels of the screen */
  paint(tint: Color, edge: Color, size: number): void {
    const { uniforms } = this.dots.material;
    uniforms.tint.value = tint.clone().convertLinearToSRGB();
    uniforms.edge.value = edge.clone().convertLinearToSRGB();
    uniforms.size.value = size;
    this.lines.material.color.copy(tint);
  }

  /** Draw on top of the surface that the points lie in; `lift` is a share of the depth. */
  liftUp(lift: number): void {
    this.dots.material.uniforms.lift.value = lift;
  }

  /** Draw over everything else. */
  onTop(): void {
    this.dots.material.depthTest = false;
    this.lines.material.depthTest = false;
  }
}
