/** Frames a second and milliseconds by part. */
import type { Timings, TrackerInfo } from '../../src/index';
import { PartMeter, RateMeter } from '../tracking/meter';
import { byId, make, setText } from './dom';

/** Parts in the order in which a picture goes through them. */
const PARTS = [
  ['capture', 'Take the picture'],
  ['detect', 'Find faces'],
  ['network', 'Network'],
  ['closerLook', 'Look closer'],
  ['expressions', 'Expressions'],
  ['track', 'Follow and smooth'],
  ['stage', 'Draw the picture'],
  ['viewer', 'Draw in 3D'],
] as const;
const SECOND = 1000;
/** Times a second that the numbers change: more cannot be read. */
const REFRESH = 3;

export class SpeedPanel {
  readonly rate = new RateMeter();
  readonly parts = new PartMeter();
  private live = false;
  private total = 0;
  private last = 0;
  private readonly rows = new Map<string, { value: HTMLElement; bar: HTMLElement }>();

  constructor() {
    const body = byId('speed-rows');
    for (const [part, label] of PARTS) {
      const value = make('td', { class: 'number' }, '–');
      const bar = make('span', { class: 'speed-bar' });
      const name = make('th', { scope: 'row' }, label);
      body.append(make('tr', {}, name, value, make('td', { class: 'speed-cell', 'aria-hidden': 'true' }, bar)));
      this.rows.set(part, { value, bar });
    }
  }

  /** What runs the networks. */
  show(info: TrackerInfo): void {
    const where = info.accelerator === 'webgpu' ? 'WebGPU' : 'WebAssembly';
    const threads = info.threads === 1 ? 'one thread' : `${info.threads} threads`;
    setText(byId('speed-runtime'), `${where}, ${threads}`);
  }

  /** Begin anew with another source. */
  reset(): void {
    this.rate.reset();
    this.parts.reset();
  }

  /** A picture was finished. */
  frame(timings: Timings, capture: number, time: number, live: boolean): void {
    this.live = live;
    const { total, ...parts } = timings;
    for (const [part, milliseconds] of Object.entries(parts)) this.parts.add(part, milliseconds);
    if (live) this.parts.add('capture', capture);
    this.parts.add('total', total);
    this.total = this.parts.parts.get('total') ?? total;
    this.rate.tick(time);
    this.refresh(time);
  }

  /** A part of the page has drawn. */
  drawn(part: 'stage' | 'viewer', milliseconds: number): void {
    this.parts.add(part, milliseconds);
    this.refresh(performance.now());
  }

  private refresh(time: number): void {
    if (time - this.last < SECOND / REFRESH && this.live) return;
    this.last = time;
    const still = `${this.total.toFixed(0)} ms`;
    setText(byId('speed-summary'), this.live ? `${rateText(this.rate.rate)} fps` : this.total ? still : '–');
    const most = Math.max(...PARTS.map(([part]) => this.parts.parts.get(part) ?? 0), 1);
    for (const [part, { value, bar }] of this.rows) {
      const milliseconds = this.parts.parts.get(part);
      setText(value, milliseconds === undefined ? '–' : `${milliseconds.toFixed(1)} ms`);
      bar.style.setProperty('inline-size', `${(100 * (milliseconds ?? 0)) / most}%`);
    }
    setText(byId('speed-total'), this.total ? still : '–');
  }
}

/** A rate for people: a slow one with a digit more, so that it is not called none. */
export function rateText(rate: number): string {
  return rate.toFixed(rate > 0 && rate < 3 ? 1 : 0);
}
