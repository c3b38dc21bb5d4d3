import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StopWatch } from '../../src/runtime/stop-watch';

class Worker {
  constructor(private readonly factor: number) {}

  async slow(milliseconds: number): Promise<number> {
    vi.advanceTimersByTime(milliseconds);
    return this.factor * milliseconds;
  }

  quick(milliseconds: number): number {
    vi.advanceTimersByTime(milliseconds);
    return this.factor * milliseconds;
  }

  async failing(): Promise<void> {
    vi.advanceTimersByTime(4);
    throw new RangeError('no');
  }

  /** Calls a method that is measured. */
  async twice(): Promise<number> {
    return (await this.slow(1)) + (await this.slow(1));
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('StopWatch', () => {
  it('adds up the parts, and what remains is tracking', async () => {
    const watch = new StopWatch();
    const [detector, net] = [new Worker(2), new Worker(3)];
    watch.watch(detector, 'detect', 'slow', 'failing');
    watch.watch(net, 'network', 'quick', 'slow');
    vi.advanceTimersByTime(100);
    watch.start();
    expect(await detector.slow(10)).toBe(20);
    expect(net.quick(5)).toBe(15);
    expect(await net.twice()).toBe(6);
    await expect(detector.failing()).rejects.toThrow('no');
    vi.advanceTimersByTime(1);
    expect(watch.read()).toEqual({ detect: 14, network: 7, closerLook: 0, expressions: 0, track: 1, total: 22 });
    watch.start();
    expect(watch.read().total).toBe(0);
  });
});
