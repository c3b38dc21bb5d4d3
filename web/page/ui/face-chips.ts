/** Numbers on the faces of a picture with several: the one that is pressed is shown in 3D. */
import type { Face } from '../../src/index';
import type { AppStore } from '../state/state';
import { make, setText } from './dom';

/** A place in the picture as shares of what is shown of it. */
type ShareOf = (x: number, y: number) => { x: number; y: number };

export class FaceChips {
  private readonly chips: HTMLButtonElement[] = [];

  /** @param place that covers the picture exactly */
  constructor(
    private readonly place: HTMLElement,
    private readonly store: AppStore,
  ) {}

  /** Put a number above each face; none where there is only one. */
  update(faces: readonly Face[], shareOf: ShareOf, mirrored: boolean): void {
    const count = faces.length > 1 ? faces.length : 0;
    while (this.chips.length < count) this.chips.push(this.chip(this.chips.length));
    this.chips.forEach((chip, k) => {
      chip.hidden = k >= count;
      if (chip.hidden) return;
      const face = faces[k];
      const [left, right] = [face.landmarks[0], face.landmarks[3 * 16]];
      const top =
        Math.min(...[17, 19, 24, 26].map((point) => face.landmarks[3 * point + 1])) - 0.35 * Math.abs(right - left);
      const share = shareOf((left + right) / 2, top);
      chip.style.setProperty('left', `${100 * (mirrored ? 1 - share.x : share.x)}%`);
      chip.style.setProperty('top', `${100 * Math.min(Math.max(share.y, 0.07), 0.95)}%`);
      chip.dataset.face = `${face.id}`;
      setText(chip, `${k + 1}`);
      chip.setAttribute('aria-pressed', `${face.id === this.store.get().selected}`);
    });
  }

  private chip(k: number): HTMLButtonElement {
    const chip = make('button', { type: 'button', class: 'chip', 'aria-label': `Show face ${k + 1} in 3D` });
    chip.addEventListener('click', () => this.store.set({ selected: Number(chip.dataset.face) }));
    this.place.append(chip);
    return chip;
  }
}
