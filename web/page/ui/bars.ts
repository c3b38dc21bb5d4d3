/** The weights as bars: the person's right side to the left, as in the picture; both sides grow from the middle. */
import { REGIONS, weightRows, type WeightRow } from '../avatar/names';
import type { Moment } from '../avatar/take';
import { make } from './dom';

interface Bar {
  weight: string;
  meter: HTMLElement;
  fill: HTMLElement;
}

export class WeightBars {
  private bars: Bar[] = [];
  private shown = '';

  constructor(private readonly place: HTMLElement) {}

  /** Show the weights of a moment; null while no face is seen. */
  update(moment: Moment | null): void {
    if (!moment) {
      for (const bar of this.bars) setBar(bar, 0);
      return;
    }
    const names = Object.keys(moment.weights);
    const key = names.join(' ');
    if (key !== this.shown) this.build(names);
    this.shown = key;
    for (const bar of this.bars) setBar(bar, moment.weights[bar.weight] ?? 0);
  }

  private build(names: string[]): void {
    this.bars = [];
    const rows = weightRows(names);
    const groups = REGIONS.map((region) => rows.filter((row) => row.region === region)).filter((group) => group.length);
    this.place.replaceChildren(
      ...groups.map((group) =>
        make(
          'div',
          { class: 'bars-group', role: 'group', 'aria-label': group[0].region },
          heading(group[0]),
          ...group.map((row) => this.row(row)),
        ),
      ),
    );
  }

  private row({ name, weights }: WeightRow): HTMLElement {
    const sides = weights.map((weight) => {
      const fill = make('span', { class: 'bar-fill' });
      const side = weights.length === 2 ? (weight.endsWith('Right') ? 'right' : 'left') : 'both';
      const attributes = {
        role: 'meter',
        'aria-label': weight,
        'aria-valuemin': 0,
        'aria-valuemax': 100,
        'aria-valuenow': 0,
      };
      const meter = make('span', { class: `bar-${side}`, ...attributes }, fill);
      this.bars.push({ weight, meter, fill });
      return meter;
    });
    return make(
      'div',
      { class: 'bars-row' },
      make('span', { class: 'bars-name', title: name }, name),
      make('span', { class: 'bars-pair' }, ...sides),
    );
  }
}

function heading(row: WeightRow): HTMLElement {
  return make('h2', { class: 'bars-title' }, row.region);
}

function setBar({ meter, fill }: Bar, weight: number): void {
  const percent = Math.round(100 * Math.min(Math.max(weight, 0), 1));
  if (meter.getAttribute('aria-valuenow') === `${percent}`) return;
  meter.setAttribute('aria-valuenow', `${percent}`);
  fill.style.setProperty('transform', `scaleX(${percent / 100})`);
}
