/** A recording of a face's weights and pose. Times are in milliseconds outside, in seconds within a take. */
import type { Face } from '../../src/index';
import { quaternion } from '../faces/geometry';

export interface Moment {
  /** Since the take began. */
  seconds: number;
  weights: Record<string, number>;
  /** Pitch, yaw, roll in degrees. */
  angles: [number, number, number];
  /** x, y, z, w of the head's rotation, from the face frame to upright axes. */
  rotation: [number, number, number, number];
  /** Where the right and the left eye look: unit vectors in the face frame, 2 x 3; NaN for an eye that is not seen. */
  gaze: number[];
}

export interface Take {
  names: string[];
  moments: Moment[];
}

/** What a face shows at a moment; weights that are not found well are left out. */
export function momentOf(face: Face, seconds: number): Moment {
  const weights = { ...face.expressions };
  for (const name of face.unsupported) Reflect.deleteProperty(weights, name);
  const { pitch, yaw, roll, rotation } = face.pose;
  return {
    seconds,
    weights,
    angles: [pitch, yaw, roll],
    rotation: quaternion(rotation),
    gaze: Array.from(face.eyes.gaze),
  };
}

/** Collects moments for some seconds. */
export class Recorder {
  private began = 0;
  private names = new Set<string>();
  private moments: Moment[] = [];
  private running = false;

  constructor(readonly length: number = 10) {}

  get recording(): boolean {
    return this.running;
  }

  /** Begin a new take at this time. */
  start(time: number): void {
    this.began = time;
    this.names = new Set();
    this.moments = [];
    this.running = true;
  }

  /** Add what a face shows at this time. The take ends by itself after {@link length} seconds. */
  add(face: Face, time: number): void {
    if (!this.running) return;
    const seconds = (time - this.began) / 1000;
    if (seconds < 0) return;
    if (seconds > this.length) {
      this.running = false;
      return;
    }
    const last = this.moments.at(-1);
    if (last && seconds <= last.seconds) return; // glTF asks for times that grow
    const moment = momentOf(face, seconds);
    for (const name of Object.keys(moment.weights)) this.names.add(name);
    this.moments.push(moment);
  }

  /** End the take. */
  stop(): void {
    this.running = false;
  }

  /** Seconds that are left at this time; 0 when nothing is recorded. */
  remaining(time: number): number {
    return this.running ? Math.min(Math.max(this.length - (time - this.began) / 1000, 0), this.length) : 0;
  }

  /** End the take if its time is over, also when no face was seen. Returns whether it ended now. */
  expire(time: number): boolean {
    if (!this.running || time - this.began <= 1000 * this.length) return false;
    this.running = false;
    return true;
  }

  /** What was recorded. */
  get take(): Take {
    return { names: [...this.names], moments: this.moments };
  }
}
