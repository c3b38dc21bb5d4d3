/** A mask painted on the skin: a picture in the chart, lit as the skin is. */
import { Group, Mesh, type BufferGeometry, type RawShaderMaterial } from 'three';
import type { Effect, EffectOptions, Picture, PlacedFace } from './effect';
import { Pool } from './effect';
import { onFace } from './shaders';
import { skinSamples } from './skin-samples';

/**
 * The paint takes the skin's light from a blurred picture, and a part of its fine detail, so that it lies on the skin.
 * Only the outermost texels fade: a mask that ends inside the face has its own edge.
 */
const FRAGMENT = `
uniform sampler2D paint;
uniform float skinLuma, level;
void main() {
  vec4 over = texture(paint, at);
  float wide = luma(photoAt(level)), fine = luma(photoAt(0.0));
  float light = clamp(wide / max(skinLuma, 0.02), 0.35, 1.2);
  float detail = clamp(fine / max(wide, 0.02), 0.6, 1.25);
  vec3 lit = over.rgb * mix(1.0, light, 0.75) * mix(1.0, detail, 0.45);
  color = vec4(clamp(lit, 0.0, 1.0), over.a * opacity * border(0.2, 2.2) * smoothstep(0.02, 0.22, facing));
}`;

export class MaskEffect implements Effect {
  readonly object = new Group();
  private readonly meshes = new Pool(() => {
    const uniforms = { photo: null, chart: null, paint: null, opacity: 1, skinLuma: 0.5, level: 3 };
    const mesh = new Mesh<BufferGeometry, RawShaderMaterial>(undefined, onFace(FRAGMENT, uniforms));
    mesh.frustumCulled = false;
    mesh.scale.y = -1;
    this.object.add(mesh);
    return mesh;
  });

  update(picture: Picture, faces: readonly PlacedFace[], options: EffectOptions): void {
    for (const mesh of this.meshes.everything) mesh.visible = false;
    if (!options.texture) return;
    this.meshes.take(faces.length).forEach((mesh, k) => {
      const { shape, face, z } = faces[k];
      shape.needNormals();
      mesh.geometry = shape.geometry;
      mesh.position.z = z;
      mesh.visible = true;
      const { uniforms } = mesh.material;
      uniforms.photo.value = picture.photo;
      uniforms.chart.value = picture.chart;
      uniforms.paint.value = options.texture;
      uniforms.opacity.value = options.opacity;
      const luma = skinSamples(picture.canvas, faces[k], picture.mesh).screen;
      uniforms.skinLuma.value += (picture.live ? 0.25 : 1) * (luma - uniforms.skinLuma.value);
      uniforms.level.value = Math.log2(Math.max(2, 7 * face.pose.scale)); // a blur of about 7 mm
    });
  }

  dispose(): void {
    for (const mesh of this.meshes.everything) mesh.material.dispose();
  }
}
