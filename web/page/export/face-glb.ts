/** A face as a .glb file, as `Face.save` of the Python package writes it. */
import type { Face, FaceMesh } from '../../src/index';
import { bounds, toMillimetres, vertexNormals } from '../faces/geometry';
import { ARRAY_BUFFER, ELEMENT_BUFFER, GlbWriter } from './glb';

const SKIN_ROUGHNESS = 0.9;

/**
 * The face with its texture: metres, y up, right-handed, the origin in its middle, at the size of the mean face.
 *
 * @param face one face
 * @param mesh the mesh of all faces
 * @param texture a PNG of the face's texture, v down
 * @param frontal without the head's rotation; otherwise posed as in the photo
 */
export function faceGlb(face: Face, mesh: FaceMesh, texture: Uint8Array, frontal: boolean): ArrayBuffer {
  const points = toMillimetres(face.vertices, face.pose, frontal);
  return meshGlb(points, mesh, texture);
}

/** The mean face, whose texture readers paint: metres, y up. Without a texture it is plain. */
export function canonicalGlb(mesh: FaceMesh, texture: Uint8Array | null): ArrayBuffer {
  return meshGlb(Float32Array.from(mesh.mean), mesh, texture);
}

/** A mesh in millimetres (n x 3, y up) as a file in metres, about its middle. */
function meshGlb(points: Float32Array, mesh: FaceMesh, texture: Uint8Array | null): ArrayBuffer {
  const { low, high } = bounds(points);
  const positions = points.map((value, k) => (value - (low[k % 3] + high[k % 3]) / 2) / 1000);
  const writer = new GlbWriter({ asset: { version: '2.0', generator: 'L-PRNet' }, scene: 0, scenes: [{ nodes: [0] }] });
  const { tree } = writer;
  const attributes = {
    POSITION: writer.accessor(positions, 'VEC3', ARRAY_BUFFER, true),
    NORMAL: writer.accessor(vertexNormals(positions, mesh.triangles), 'VEC3', ARRAY_BUFFER),
    TEXCOORD_0: writer.accessor(Float32Array.from(mesh.uv), 'VEC2', ARRAY_BUFFER),
  };
  const indices = writer.accessor(Uint32Array.from(mesh.triangles), 'SCALAR', ELEMENT_BUFFER);
  const surface: Record<string, unknown> = { metallicFactor: 0, roughnessFactor: SKIN_ROUGHNESS };
  if (texture) {
    tree.images = [{ bufferView: writer.view(texture), mimeType: 'image/png' }];
    tree.samplers = [{ wrapS: 33071, wrapT: 33071 }]; // clamped: nothing of the other side shines through the border
    tree.textures = [{ source: 0, sampler: 0 }];
    surface.baseColorTexture = { index: 0 };
  }
  tree.materials = [{ name: 'face', pbrMetallicRoughness: surface, doubleSided: true }];
  tree.meshes = [{ name: 'face', primitives: [{ attributes, indices, material: 0 }] }];
  tree.nodes = [{ name: 'face', mesh: 0 }];
  return writer.finish();
}
