import { Store } from './store';

/** How the face is shown in the 3D view. */
export type View = 'photo' | 'clay' | 'wireframe' | 'landmarks' | 'depth' | 'uv';
export const VIEWS: readonly View[] = ['photo', 'clay', 'wireframe', 'landmarks', 'depth', 'uv'];

/** The parts of the dock. */
export type Tab = 'face' | 'effects' | 'avatar' | 'save';

/** Where the picture comes from. */
export type SourceKind = 'sample' | 'photo' | 'video' | 'camera';

/** Direction toward a lamp, -1 to 1 each, as a place on the picture: x right, y up; and what the lamp is like. */
export interface Lamp {
  x: number;
  y: number;
  /** Share of the light that the lamp gives, 0 to 1. */
  strength: number;
}

export interface State {
  /** Files are loading, all is ready, or loading failed. */
  phase: 'loading' | 'ready' | 'failed';
  source: SourceKind | null;
  tab: Tab;
  view: View;
  /** What the 3D view shows. */
  shows: 'face' | 'avatar';
  /** The model turns with the head; otherwise it looks ahead. */
  follow: boolean;
  /** A photo is shown around its faces. */
  close: boolean;
  /** What is drawn on the picture. */
  drawLandmarks: boolean;
  drawMesh: boolean;
  drawGaze: boolean;
  /** Identity of the chosen effect, see `effects/catalogue.ts`. */
  effect: string;
  /** Opacity of a mask or a swapped face, 0 to 1. */
  opacity: number;
  lamp: Lamp;
  /** The picture and the model are shown as in a mirror. */
  mirrored: boolean;
  /** The id of the face that the 3D view shows, among {@link State.faces}. */
  selected: number;
  /** The ids of the faces in the present picture, largest first. */
  faces: readonly number[];
  recording: 'idle' | 'recording' | 'done';
}

/** The state when the page opens. */
export function initialState(): State {
  return {
    phase: 'loading',
    source: null,
    tab: 'face',
    view: 'photo',
    shows: 'face',
    follow: false,
    close: true,
    drawLandmarks: false,
    drawMesh: false,
    drawGaze: false,
    effect: 'none',
    opacity: 1,
    lamp: { x: -0.6, y: 0.5, strength: 0.65 },
    mirrored: false,
    selected: 0,
    faces: [],
    recording: 'idle',
  };
}

export type AppStore = Store<State>;

/** A source whose pictures follow one another. */
export function isLive(source: SourceKind | null): boolean {
  return source === 'camera' || source === 'video';
}

/** What changes when a tab is opened: the avatar's tab shows the avatar, those of the face the face. */
export function openTab(tab: Tab): Partial<State> {
  if (tab === 'save') return { tab };
  return { tab, shows: tab === 'avatar' ? 'avatar' : 'face' };
}

/** What changes when the picture comes from elsewhere. A camera is a mirror, and its model follows the head. */
export function openSource(source: SourceKind): Partial<State> {
  return { source, mirrored: source === 'camera', follow: isLive(source), close: true, faces: [], selected: 0 };
}

/** What changes when a picture has other faces: the chosen face stays chosen while it is there. */
export function showFaces(state: Readonly<State>, faces: readonly number[]): Partial<State> {
  const same = faces.length === state.faces.length && faces.every((id, k) => id === state.faces[k]);
  const selected = faces.includes(state.selected) ? state.selected : (faces[0] ?? state.selected);
  return same ? { selected } : { faces, selected };
}
