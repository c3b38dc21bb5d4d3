/** Frames of glasses, built to fit a face: everything in millimetres of the face frame. */
import {
  AdditiveBlending,
  CatmullRomCurve3,
  Color,
  DoubleSide,
  Group,
  Mesh,
  MeshBasicMaterial,
  MeshMatcapMaterial,
  Shape,
  ShapeGeometry,
  TubeGeometry,
  Vector3,
  type BufferGeometry,
} from 'three';
import { EYES, meanLandmark } from '../faces/landmarks';
import { matcap, type Surface } from './matcaps';

type Triple = readonly [number, number, number];

/** What a kind of glasses looks like; lengths in millimetres, colours as on the screen, 0 to 1. */
interface FrameKind {
  /** Half width and half height of a lens. */
  lens: readonly [number, number];
  /** 2 is an ellipse, more is squarer. */
  power: number;
  thick: number;
  /** Height of the hinge, in half heights of the lens. */
  hinge: number;
  surface: Surface;
  color: Triple;
  /** Of the glass, and how much it hides. */
  tint: Triple;
  opacity: number;
}

const KINDS: Record<string, FrameKind> = {
  round: {
    ...{ lens: [23.5, 22.5], power: 2.05, thick: 1.0, hinge: 0.16 },
    ...{ surface: 'metal', color: [0.8, 0.62, 0.34], tint: [0.8, 0.9, 0.92], opacity: 0.05 },
  },
  square: {
    ...{ lens: [26.5, 18.5], power: 3.4, thick: 2.3, hinge: 0.45 },
    ...{ surface: 'plastic', color: [0.1, 0.11, 0.13], tint: [0.8, 0.88, 0.92], opacity: 0.05 },
  },
  sun: {
    ...{ lens: [28, 21.5], power: 2.6, thick: 1.7, hinge: 0.35 },
    ...{ surface: 'plastic', color: [0.22, 0.12, 0.07], tint: [0.09, 0.07, 0.06], opacity: 0.86 },
  },
};

/** Of the front, as a share of the face's width at the ears. */
const WIDTH = 0.96;

/** How far the glasses of the mean face are moved and stretched to fit another face. */
export interface Fit {
  /** Distance of the pupils. */
  apart: number;
  /** Of the middle between the eyes. */
  middle: [number, number, number];
  /** z of the bridge of the nose. */
  bridge: number;
  /** x and z beside the ears, where the temples end. */
  ear: [number, number];
}

/** Measures of a face, from its landmarks (68 x 3) in millimetres of the face frame. */
export function fitTo(landmarks: ArrayLike<number>): Fit {
  const [right, left] = EYES.map(([first, end]) => meanLandmark(landmarks, first, end));
  const jaw = [0, 16].map((k) => [landmarks[3 * k], landmarks[3 * k + 2]]);
  return {
    apart: left[0] - right[0],
    middle: [(left[0] + right[0]) / 2, (left[1] + right[1]) / 2, (left[2] + right[2]) / 2],
    bridge: (landmarks[3 * 27 + 2] + landmarks[3 * 28 + 2]) / 2,
    ear: [(jaw[1][0] - jaw[0][0]) / 2, (jaw[0][1] + jaw[1][1]) / 2],
  };
}

/** Points around a lens: a superellipse about (0, 0), nearer to the head at its outer side. */
function outline(kind: FrameKind, side: number, count: number, grow = 0): Vector3[] {
  return Array.from({ length: count }, (_, k) => {
    const angle = (2 * Math.PI * k) / count;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const exponent = 2 / kind.power;
    const x = (kind.lens[0] + grow) * Math.sign(c) * Math.abs(c) ** exponent;
    const y = (kind.lens[1] + grow) * Math.sign(s) * Math.abs(s) ** exponent;
    return new Vector3(x, y, -0.0042 * (side * x + 20) ** 2);
  });
}

function tube(points: Vector3[], radius: number, closed: boolean, steps: number): BufferGeometry {
  return new TubeGeometry(new CatmullRomCurve3(points, closed, 'centripetal'), steps, radius, 10, closed);
}

/**
 * Glasses of a kind, for a face of the given measures.
 *
 * @param kind a name of the catalogue
 * @param fit see {@link fitTo}
 */
export function buildGlasses(kind: string, fit: Fit): Group {
  const look = KINDS[kind] ?? KINDS.round;
  const group = new Group();
  const frame = new MeshMatcapMaterial({ matcap: matcap(look.surface, look.color) });
  const seen = { transparent: true, depthWrite: false, side: DoubleSide } as const;
  const glass = new MeshBasicMaterial({ ...seen, color: new Color(...look.tint), opacity: look.opacity });
  glass.color.convertSRGBToLinear();
  const glint = new MeshMatcapMaterial({
    ...seen,
    matcap: matcap('glass', [0.9, 0.95, 1]),
    blending: AdditiveBlending,
  });
  const size = fit.apart / 60;
  const front = new Vector3(fit.middle[0], fit.middle[1] - 2.5 * size, fit.bridge + 2.5);
  // the front is nearly as wide as the face, so that the temples run straight back
  const half = Math.max(WIDTH * fit.ear[0] - look.lens[0] * size, (look.lens[0] + 6) * size);
  for (const side of [-1, 1]) {
    const centre = front.clone().add(new Vector3(side * half, 0, -3));
    const rim = outline(look, side, 64).map((p) => p.multiplyScalar(size).add(centre));
    group.add(new Mesh(tube(rim, look.thick * size, true, 96), frame));
    const bent = lensGeometry(look, side, size);
    [glass, glint].forEach((material, k) => {
      const lens = new Mesh(bent, material);
      lens.position.copy(centre);
      lens.renderOrder = 2 + k;
      group.add(lens);
    });
    group.add(new Mesh(temple(look, centre, side, size, fit), frame));
  }
  group.add(new Mesh(bridge(look, front, half, size), frame));
  return group;
}

/** The bridge over the nose, between the rims. */
function bridge(look: FrameKind, front: Vector3, half: number, size: number): BufferGeometry {
  const reach = half - look.lens[0] * size * 0.97;
  const points = [-1, -0.5, 0, 0.5, 1].map((t) => {
    const rise = look.lens[1] * size * 0.28 + (1 - t * t) * 2.6 * size;
    return new Vector3(front.x + t * reach, front.y + rise, front.z - 2.2 + (1 - t * t) * 3.2);
  });
  return tube(points, look.thick * size * 0.95, false, 32);
}

/** A temple: from the hinge along the head, bent down behind the ear. */
function temple(look: FrameKind, centre: Vector3, side: number, size: number, fit: Fit): BufferGeometry {
  const hinge = centre
    .clone()
    .add(new Vector3(side * look.lens[0] * size, look.lens[1] * size * look.hinge, -9.5 * size));
  const beside = fit.middle[0] + side * (fit.ear[0] + 1.5);
  const ear = new Vector3(beside, hinge.y - 7, fit.ear[1] - 34);
  const points = [
    hinge.clone().add(new Vector3(-side * 1.5, 0, 3.5)),
    hinge.clone().add(new Vector3(side * 1.8, 0, -1.5)),
    hinge
      .clone()
      .lerp(ear, 0.35)
      .add(new Vector3(side * 1.2, 0, 0)),
    ear,
    ear.clone().add(new Vector3(-side * 3, -16, -16)),
  ];
  return tube(points, look.thick * size * 0.9, false, 48);
}

/** The glass in a rim, bent as the rim is. */
function lensGeometry(look: FrameKind, side: number, size: number): BufferGeometry {
  const shape = new Shape();
  outline(look, side, 64).forEach(({ x, y }, k) => (k ? shape.lineTo(x, y) : shape.moveTo(x, y)));
  const geometry = new ShapeGeometry(shape, 4);
  const places = geometry.getAttribute('position');
  for (let k = 0; k < places.count; k++) {
    const x = places.getX(k);
    places.setXYZ(k, x * size, places.getY(k) * size, -0.0042 * (side * x + 20) ** 2 * size);
  }
  geometry.computeVertexNormals();
  return geometry;
}
