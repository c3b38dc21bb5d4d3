/** Glasses that go behind the head: an invisible head hides what is behind it. */
import { Group, Mesh, MeshBasicMaterial, SphereGeometry, type Material, type MeshMatcapMaterial } from 'three';
import { toMillimetres } from '../faces/geometry';
import { faceToPicture } from '../scene/face-shape';
import { Pool, type Effect, type EffectOptions, type Picture, type PlacedFace } from './effect';
import { buildGlasses, fitTo, type Fit } from './frames';

/** The skull as an ellipsoid, in millimetres of the face frame; it ends inside the hair. */
const SKULL = { centre: [0, 14, -92], radii: [65, 98, 92] } as const;
/** A face's measures settle over this share of each new frame. */
const SETTLING = 0.15;
/** Change of a measure, in millimetres, from which glasses are built anew. */
const TOLERANCE = 0.6;

interface Worn {
  root: Group;
  glasses: Group | null;
  skull: Mesh;
  kind: string;
  fit: Fit | null;
  built: Fit | null;
}

export class GlassesEffect implements Effect {
  readonly object = new Group();
  private readonly all = new Pool<Worn>(() => {
    const root = new Group();
    root.matrixAutoUpdate = false;
    const skull = new Mesh(new SphereGeometry(1, 32, 24), new MeshBasicMaterial({ colorWrite: false }));
    skull.renderOrder = -1;
    skull.position.set(...SKULL.centre);
    root.add(skull);
    this.object.add(root);
    return { root, glasses: null, skull, kind: '', fit: null, built: null };
  });

  update(picture: Picture, faces: readonly PlacedFace[], options: EffectOptions): void {
    for (const { root } of this.all.everything) root.visible = false;
    this.all.take(faces.length).forEach((worn, k) => {
      const { face, z } = faces[k];
      worn.root.visible = true;
      worn.fit = settled(worn.fit, fitTo(toMillimetres(face.landmarks, face.pose, true)), picture.live);
      const width = worn.fit.ear[0] / 66;
      worn.skull.scale.set(SKULL.radii[0] * width, SKULL.radii[1], SKULL.radii[2]);
      this.build(worn, options.variant);
      worn.root.matrix.copy(faceToPicture(face.pose));
      worn.root.matrix.elements[14] += z;
    });
  }

  dispose(): void {
    for (const { glasses, skull } of this.all.everything) {
      if (glasses) disposeAll(glasses);
      skull.geometry.dispose();
    }
  }

  private build(worn: Worn, kind: string): void {
    const { fit, built } = worn;
    if (!fit || (worn.kind === kind && built && difference(fit, built) < TOLERANCE)) return;
    if (worn.glasses) {
      worn.root.remove(worn.glasses);
      disposeAll(worn.glasses);
    }
    worn.glasses = buildGlasses(kind, fit);
    worn.root.add(worn.glasses);
    Object.assign(worn, { kind, built: fit });
  }
}

function numbers({ apart, middle, bridge, ear }: Fit): number[] {
  return [apart, ...middle, bridge, ...ear];
}

function difference(a: Fit, b: Fit): number {
  const other = numbers(b);
  return Math.max(...numbers(a).map((value, k) => Math.abs(value - other[k])));
}

function settled(before: Fit | null, now: Fit, live: boolean): Fit {
  if (!before || !live || difference(before, now) > 8) return now;
  const last = numbers(before);
  const [apart, x, y, z, bridge, earX, earZ] = numbers(now).map((value, k) => last[k] + SETTLING * (value - last[k]));
  return { apart, middle: [x, y, z], bridge, ear: [earX, earZ] };
}

function disposeAll(group: Group): void {
  group.traverse((part) => {
    if (!(part instanceof Mesh)) return;
    part.geometry.dispose();
    (part.material as Partial<MeshMatcapMaterial>).matcap?.dispose();
    (part.material as Material).dispose();
  });
}
