/**
 * How long each part of the work on a picture takes.
 */
import type { Timings } from '../types.js';

/** The parts that are measured one by one; `track` is what remains. */
export type Part = Exclude<keyof Timings, 'track' | 'total'>;

/** Adds up times by part. */
export class StopWatch {
  private spent: Record<Part, number> = { detect: 0, network: 0, closerLook: 0, expressions: 0 };
  private begun = performance.now();

  /** Begins anew. */
  start(): void {
    this.spent = { detect: 0, network: 0, closerLook: 0, expressions: 0 };
    this.begun = performance.now();
  }

  /** Milliseconds since the start, by part. */
  read(): Timings {
    const total = performance.now() - this.begun;
    const named = Object.values(this.spent).reduce((sum, part) => sum + part, 0);
    return { ...this.spent, track: Math.max(total - named, 0), total };
  }

  /**
   * The same object; from now on its methods of these names, which must not call one another, add their time to a part.
   */
  watch<T extends object>(object: T, part: Part, ...names: (keyof T & string)[]): T {
    for (const name of names) {
      const method = object[name] as (...given: unknown[]) => unknown;
      const measured = (...given: unknown[]): unknown => {
        const start = performance.now();
        const note = (): void => {
          this.spent[part] += performance.now() - start;
        };
        const result = method.apply(object, given);
        if (result instanceof Promise) return result.finally(note);
        note();
        return result;
      };
      Object.defineProperty(object, name, { value: measured, configurable: true });
    }
    return object;
  }
}
