import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Painter } from '../../page/scene/painter';

describe('Painter', () => {
  let now: number;
  let waiting: [time: number, callback: (time: number) => void][];
  let drawings: number[];

  /** Drawing takes 40 ms. */
  const draw = () => {
    drawings.push(now);
    now += 40;
    return false;
  };

  beforeEach(() => {
    [now, waiting, drawings] = [0, [], []];
    vi.stubGlobal('performance', { now: () => now });
    vi.stubGlobal('setTimeout', (callback: () => void, wait: number) => waiting.push([now + wait, callback]));
    vi.stubGlobal('requestAnimationFrame', (callback: () => void) => waiting.push([now + 16, callback]));
  });
  afterEach(() => void vi.unstubAllGlobals());

  /** For so many milliseconds something changes all the time. */
  const ask = (painter: Painter, milliseconds: number) => {
    while (now < milliseconds) {
      painter.invalidate();
      now += 10;
      const due = waiting.filter(([time]) => time <= now);
      waiting = waiting.filter(([time]) => time > now);
      for (const [, callback] of due) callback(now);
    }
  };

  test('draws whatever is asked for where there is a graphics card', () => {
    ask(new Painter(draw), 400);
    expect(drawings.length).toBeGreaterThan(6);
  });

  test('keeps to its share of the time in software, and tells what drawing takes', () => {
    const told: number[] = [];
    const finish = vi.fn((then: () => void) => then());
    ask(new Painter(draw, (time) => told.push(time), { share: 0.1, finish }), 2000);
    const steps = drawings.slice(1).map((time, k) => time - drawings[k]);
    expect(drawings.length).toBeGreaterThan(3);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(400);
    expect(Math.max(...steps)).toBeLessThan(450);
    expect(finish).toHaveBeenCalledTimes(drawings.length);
    expect(told.every((time) => time === 40)).toBe(true);
  });

  test('begins no drawing before the last one is finished, and then draws what was asked for meanwhile', () => {
    const told: number[] = [];
    const busy: boolean[] = [];
    const pace = {
      share: 0.5,
      finish: (then: () => void) => void waiting.push([now + 200, then]),
      busy: (isBusy: boolean) => void busy.push(isBusy),
    };
    const painter = new Painter(draw, (time) => told.push(time), pace);
    ask(painter, 230);
    expect(drawings).toHaveLength(1);
    ask(painter, 1000);
    const steps = drawings.slice(1).map((time, k) => time - drawings[k]);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(480);
    expect(Math.min(...told)).toBeGreaterThanOrEqual(240);
    expect(busy).not.toContain(false); // something was asked for all the time
    const end = now + 1500;
    while (now < end) {
      now += 10;
      const due = waiting.filter(([time]) => time <= now);
      waiting = waiting.filter(([time]) => time > now);
      for (const [, callback] of due) callback(now);
    }
    expect(busy.at(-1)).toBe(false);
  });

  test('waits for no longer than 700 ms', () => {
    const slow = () => {
      drawings.push(now);
      now += 3000;
      return false;
    };
    ask(new Painter(slow, undefined, { share: 0.1, finish: (then) => then() }), 10_000);
    expect(drawings[1] - drawings[0]).toBeLessThan(3800);
  });

  test('draws no more once it is stopped', () => {
    const painter = new Painter(draw);
    painter.invalidate();
    painter.stop();
    ask(painter, 100);
    expect(drawings).toEqual([]);
  });
});
