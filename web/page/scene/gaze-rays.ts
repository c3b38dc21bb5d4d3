/** Where the eyes look: a thin ray from each. */
import { Color, CylinderGeometry, Group, Mesh, MeshBasicMaterial, Quaternion, SphereGeometry, Vector3 } from 'three';
import type { Face } from '../../src/index';
import { EYES, meanLandmark } from '../faces/landmarks';

/** Millimetres. */
const LENGTH = 85;
const RADIUS = 0.85;
const TIP = 2.4;
const START = 9;

/** Rays in the photo frame's upright pixels (y up), to be placed by the parent. */
export class GazeRays extends Group {
  private readonly material = new MeshBasicMaterial({ transparent: true, opacity: 0.95 });
  private readonly rays: Group[];

  constructor() {
    super();
    const shaft = new CylinderGeometry(RADIUS * 0.55, RADIUS, LENGTH - START, 12).translate(0, (LENGTH + START) / 2, 0);
    const tip = new SphereGeometry(TIP, 16, 12).translate(0, LENGTH, 0);
    this.rays = EYES.map(() => new Group().add(new Mesh(shaft, this.material), new Mesh(tip, this.material)));
    this.add(...this.rays);
  }

  paint(color: Color): void {
    this.material.color.copy(color);
  }

  /** Draw over everything else. */
  onTop(): void {
    this.material.depthTest = false;
    for (const ray of this.rays) for (const part of ray.children) part.renderOrder = 3;
  }

  /** Place the rays of a face; an eye that is not seen has none. */
  update(face: Face): void {
    const { rotation: r, scale } = face.pose;
    EYES.forEach(([first, end], eye) => {
      const ray = this.rays[eye];
      const own = [0, 1, 2].map((axis) => face.eyes.gaze[3 * eye + axis]);
      ray.visible = own.every(Number.isFinite);
      if (!ray.visible) return;
      const direction = new Vector3(
        ...[0, 3, 6].map((row) => r[row] * own[0] + r[row + 1] * own[1] + r[row + 2] * own[2]),
      );
      const [x, y, z] = this.origin(face, eye, first, end);
      ray.position.set(x, -y, z);
      ray.scale.setScalar(scale);
      ray.quaternion.copy(new Quaternion().setFromUnitVectors(new Vector3(0, 1, 0), direction.normalize()));
    });
  }

  /** The iris where it was found, at the depth of the lids. */
  private origin(face: Face, eye: number, first: number, end: number): [number, number, number] {
    const [x, y, z] = meanLandmark(face.landmarks, first, end);
    const iris = [face.eyes.irises[3 * eye], face.eyes.irises[3 * eye + 1]];
    return iris.every(Number.isFinite) ? [iris[0], iris[1], z] : [x, y, z];
  }
}
