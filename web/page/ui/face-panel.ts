/** Everything that is set about the 3D view and the drawings on the picture. */
import type { Face } from '../../src/index';
import { VIEWS, type AppStore, type View } from '../state/state';
import type { Orbit } from '../scene/orbit';
import { byId, setText } from './dom';
import { segments } from './segments';

const LABELS: Record<View, string> = {
  photo: 'Photo',
  clay: 'Clay',
  wireframe: 'Mesh',
  landmarks: 'Points',
  depth: 'Depth',
  uv: 'UV map',
};
const SWITCHES = {
  follow: 'follow',
  'draw-landmarks': 'drawLandmarks',
  'draw-mesh': 'drawMesh',
  'draw-gaze': 'drawGaze',
} as const;

/** Connect the views, the switches and the zoom with the state. */
export function connectFacePanel(store: AppStore): void {
  const choices = VIEWS.map((value) => ({ value, label: LABELS[value] }));
  const show = segments(byId('views'), choices, (view) => store.set({ view }));
  store.on(['view'], ({ view }) => show(view));
  store.on(['shows'], ({ shows }) => {
    byId('views').hidden = shows === 'avatar';
    byId('avatar-bar').hidden = shows !== 'avatar';
  });
  for (const [id, key] of Object.entries(SWITCHES)) {
    const input = byId<HTMLInputElement>(id);
    input.addEventListener('change', () => store.set({ [key]: input.checked }));
    store.on([key], (state) => (input.checked = state[key]));
  }
}

/** Connect the buttons beside the 3D view. */
export function connectZoom(orbit: Orbit): void {
  byId('zoom-in').addEventListener('click', () => orbit.zoomBy(1.25));
  byId('zoom-out').addEventListener('click', () => orbit.zoomBy(1 / 1.25));
  byId('zoom-reset').addEventListener('click', () => orbit.reset());
}

/** Tell the pose and how open eyes and mouth are; dashes while there is no face. */
export function showNumbers(face: Face | null): void {
  const angle = (value: number | undefined): string =>
    value === undefined ? '–' : `${Math.round(value) || 0}°`.replace('-', '−'); // no "−0"
  setText(byId('pose-pitch'), angle(face?.pose.pitch));
  setText(byId('pose-yaw'), angle(face?.pose.yaw));
  setText(byId('pose-roll'), angle(face?.pose.roll));
  const percent = (k: number): string => (face ? face.openness[k].toFixed(2) : '–');
  setText(byId('open-right'), percent(0));
  setText(byId('open-left'), percent(1));
  setText(byId('open-mouth'), percent(2));
  setText(byId('confidence'), face ? `${Math.round(100 * face.confidence)} %` : '–');
}
