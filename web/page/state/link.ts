/** What the address says after `#`: a link can open the page in a certain state. */
import { effectEntry } from '../effects/catalogue';
import { openTab, VIEWS, type State, type Tab, type View } from './state';

const TABS: readonly string[] = ['face', 'effects', 'avatar', 'save'] satisfies Tab[];

export interface Link {
  state: Partial<State>;
  /** Radians that the 3D view is turned by. */
  yaw: number;
  pitch: number;
}

/**
 * `#view=depth&effect=mask:tiger&tab=effects&draw=mesh,landmarks,gaze&yaw=30&pitch=10`, all optional; angles in degrees.
 * What is not understood is left out.
 */
export function readLink(hash: string): Link {
  const values = new URLSearchParams(hash.replace(/^#/, ''));
  const state: Partial<State> = {};
  const tab = values.get('tab') ?? '';
  if (TABS.includes(tab)) Object.assign(state, openTab(tab as Tab));
  const view = values.get('view') as View | null;
  if (view && VIEWS.includes(view)) state.view = view;
  const effect = values.get('effect');
  if (effect && effectEntry(effect).id === effect) state.effect = effect;
  const draw = values.get('draw')?.split(',') ?? [];
  if (draw.includes('mesh')) state.drawMesh = true;
  if (draw.includes('landmarks')) state.drawLandmarks = true;
  if (draw.includes('gaze')) state.drawGaze = true;
  const radians = (name: string): number => ((Number(values.get(name)) || 0) * Math.PI) / 180;
  return { state, yaw: radians('yaw'), pitch: radians('pitch') };
}
