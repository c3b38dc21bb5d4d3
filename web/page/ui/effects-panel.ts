/** The strip of effects, and what can be set about the chosen one. */
import type { FaceMesh } from '../../src/index';
import { assetAddress } from '../assets';
import { EFFECTS, KINDS, OWN_MASK, effectEntry, type EffectEntry, type EffectKind } from '../effects/catalogue';
import { drawTemplate } from '../effects/template';
import { canonicalGlb } from '../export/face-glb';
import type { AppStore } from '../state/state';
import { byId, icon, make, saveFile, setText } from './dom';

export interface EffectsEvents {
  /** The reader wants to bring a mask. */
  onOwnMask(): void;
}

export function connectEffects(store: AppStore, events: EffectsEvents, mesh: () => FaceMesh | null): void {
  const strip = byId('effects-strip');
  const tiles = new Map<string, HTMLInputElement>();
  for (const kind of ['none', 'mask', 'glasses', 'light', 'swap'] as const) {
    const entries = EFFECTS.filter((entry) => entry.kind === kind);
    strip.append(
      group(
        kind,
        entries.map((entry) => tile(entry, tiles, store, events)),
      ),
    );
  }
  store.on(['effect', 'opacity', 'lamp'], ({ effect, opacity, lamp }) => {
    const { kind } = effectEntry(effect);
    for (const [id, input] of tiles) input.checked = id === effect;
    setText(
      byId('effect-note'),
      kind === 'none' ? 'Choose something to put on the face in the picture.' : KINDS[kind].note,
    );
    byId('mask-tools').hidden = kind !== 'mask';
    byId('opacity-row').hidden = kind !== 'mask' && kind !== 'swap';
    byId('lamp-rows').hidden = kind !== 'light';
    byId<HTMLInputElement>('opacity').value = `${Math.round(100 * opacity)}`;
    byId<HTMLInputElement>('lamp-x').value = `${Math.round(100 * lamp.x)}`;
    byId<HTMLInputElement>('lamp-y').value = `${Math.round(100 * lamp.y)}`;
    byId<HTMLInputElement>('lamp-strength').value = `${Math.round(100 * lamp.strength)}`;
  });
  connectSliders(store);
  connectDownloads(mesh);
  byId('own-mask').addEventListener('click', events.onOwnMask);
}

function group(kind: EffectKind, tiles: HTMLElement[]): HTMLElement {
  const title = kind === 'none' ? '' : KINDS[kind].title;
  return make(
    'div',
    { class: 'strip-group', role: 'group', 'aria-label': title || 'No effect' },
    make('span', { class: 'strip-title', 'aria-hidden': 'true' }, title),
    make('div', { class: 'strip-tiles' }, ...tiles),
  );
}

function tile(
  entry: EffectEntry,
  tiles: Map<string, HTMLInputElement>,
  store: AppStore,
  events: EffectsEvents,
): HTMLElement {
  const input = make('input', { type: 'radio', name: 'effect', value: entry.id });
  if (entry.id === OWN_MASK) {
    input.addEventListener('click', (event) => {
      event.preventDefault(); // it is chosen when there is a mask: the reader may choose no file, or a damaged one
      events.onOwnMask();
    });
  } else {
    input.addEventListener('change', () => store.set({ effect: entry.id }));
  }
  tiles.set(entry.id, input);
  const picture = entry.thumbnail
    ? make('img', {
        src: assetAddress(entry.thumbnail),
        alt: '',
        width: 56,
        height: 56,
        loading: 'lazy',
        decoding: 'async',
      })
    : make('span', { class: `swatch swatch-${entry.kind}-${entry.variant || 'none'}` }, swatchIcon(entry));
  return make(
    'label',
    { class: 'tile' },
    input,
    make('span', { class: 'tile-picture' }, picture),
    make('span', { class: 'tile-name' }, entry.label),
  );
}

function swatchIcon({ kind, variant }: EffectEntry): SVGSVGElement {
  if (kind === 'glasses') return icon(`glasses-${variant}`);
  if (kind === 'light') return icon('lamp');
  return icon(kind === 'none' ? 'none' : 'plus');
}

function connectSliders(store: AppStore): void {
  const slider = (id: string, set: (share: number) => void): void => {
    const input = byId<HTMLInputElement>(id);
    input.addEventListener('input', () => set(Number(input.value) / 100));
  };
  slider('opacity', (opacity) => store.set({ opacity }));
  slider('lamp-x', (x) => store.set({ lamp: { ...store.get().lamp, x } }));
  slider('lamp-y', (y) => store.set({ lamp: { ...store.get().lamp, y } }));
  slider('lamp-strength', (strength) => store.set({ lamp: { ...store.get().lamp, strength } }));
}

function connectDownloads(mesh: () => FaceMesh | null): void {
  byId('save-template').addEventListener('click', () => {
    const shape = mesh();
    if (shape)
      drawTemplate(shape).toBlob((blob) => blob && saveFile(blob, 'face-template.png', 'image/png'), 'image/png');
  });
  byId('save-canonical').addEventListener('click', () => {
    const shape = mesh();
    if (shape) saveFile(canonicalGlb(shape, null), 'canonical-face.glb', 'model/gltf-binary');
  });
}
