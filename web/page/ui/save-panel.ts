/** What can be saved of the present picture and face. */
import type { Face, FaceMesh } from '../../src/index';
import { landmarksCsv, weightsCsv } from '../export/csv';
import { faceGlb } from '../export/face-glb';
import { largestFirst } from '../faces/order';
import type { Viewer } from '../scene/viewer';
import type { Size } from '../sources/files';
import type { Stage } from '../stage/stage';
import type { AppStore } from '../state/state';
import type { Frame } from '../tracking/session';
import { byId, saveFile } from './dom';
import { showError, showNote } from './messages';

/** Texels a side of a saved texture. */
const TEXTURE_SIDE = 1024;

/** What there is to save; null while there is no face. */
export interface Saved {
  face: Face;
  frame: Frame;
  mesh: FaceMesh;
  stage: Stage;
  viewer: Viewer;
}

/** Connect the buttons. All files fit together: none is mirrored, also where the page shows a camera as a mirror. */
export function connectSaving(store: AppStore, saved: () => Saved | null): void {
  const button = (id: string, save: (now: Saved) => Promise<string> | string): void => {
    byId(id).addEventListener('click', () => {
      const now = saved();
      if (!now) {
        showNote('There is no face to save yet.');
        return;
      }
      Promise.resolve(save(now)).then((name) => showNote(`Saved ${name}`), showError);
    });
  };
  button('save-glb', async ({ face, mesh, viewer }) => {
    const texture = await pngOf(viewer.texturePixels(TEXTURE_SIDE));
    return file(faceGlb(face, mesh, texture, !store.get().follow), 'face.glb', 'model/gltf-binary');
  });
  button('save-picture', async ({ stage, frame }) => {
    const { effect, mirrored } = store.get();
    const edited = effect === 'none' ? '' : '-edited';
    const name = file(await stage.snapshot(), `picture${edited}.png`, 'image/png');
    const smaller = isReduced(frame) ? `, made smaller: ${sizeText(frame.picture)}` : '';
    return `${name}${mirrored ? ', not mirrored' : ''}${smaller}`;
  });
  button('save-view', async ({ viewer }) => file(await viewer.snapshot(), 'view.png', 'image/png'));
  button('save-texture', async ({ viewer }) => {
    return file(await pngOf(viewer.texturePixels(TEXTURE_SIDE)), 'texture.png', 'image/png');
  });
  button('save-landmarks', ({ frame }) => {
    const { tracking, picture, full } = frame;
    const name = file(landmarksCsv(largestFirst(tracking.faces), picture, full), 'landmarks.csv', 'text/csv');
    return isReduced(frame) ? `${name}, in pixels of the original: ${sizeText(full)}` : name;
  });
  button('save-weights', ({ frame }) => {
    return file(weightsCsv(largestFirst(frame.tracking.faces)), 'weights.csv', 'text/csv');
  });
}

/** Whether the page has a picture in fewer pixels than its file or camera. */
function isReduced({ picture, full }: Frame): boolean {
  return picture.width !== full.width || picture.height !== full.height;
}

function sizeText({ width, height }: Size): string {
  return `${width} x ${height}`;
}

function file(data: Blob | Uint8Array<ArrayBuffer> | ArrayBuffer | string | null, name: string, type: string): string {
  if (data === null) throw new Error('The picture could not be made.');
  saveFile(data instanceof Uint8Array ? new Blob([data], { type }) : data, name, type);
  return name;
}

/** Pixels as the bytes of a PNG. */
async function pngOf(pixels: ImageData | null): Promise<Uint8Array<ArrayBuffer>> {
  if (!pixels) throw new Error('There is no texture.');
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: pixels.width, height: pixels.height });
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error('The texture could not be encoded.');
  return new Uint8Array(await blob.arrayBuffer());
}
