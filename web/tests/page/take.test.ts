import { describe, expect, it } from 'vitest';
import { eyeQuaternion } from '../../page/avatar/gaze';
import { momentOf, Recorder } from '../../page/avatar/take';
import { face } from './faces';

describe('momentOf', () => {
  it('leaves out weights that are not found well', () => {
    const { weights, seconds } = momentOf(face({ jawOpen: 0.5, cheekPuff: 0.9 }, ['cheekPuff']), 1.5);
    expect(weights).toEqual({ jawOpen: 0.5 });
    expect(seconds).toBe(1.5);
  });

  it('does not change the face', () => {
    const one = face({ cheekPuff: 0.9 }, ['cheekPuff']);
    momentOf(one, 0);
    expect(one.expressions).toEqual({ cheekPuff: 0.9 });
  });
});

describe('Recorder', () => {
  it('records for its seconds, from the start on', () => {
    const recorder = new Recorder(10);
    recorder.add(face(), 500);
    recorder.start(1000);
    recorder.add(face({ jawOpen: 0.1 }), 1000);
    recorder.add(face({ jawOpen: 0.2, mouthPucker: 1 }), 6000);
    recorder.add(face({ jawOpen: 0.3 }), 11_000);
    expect(recorder.recording).toBe(true);
    recorder.add(face({ jawOpen: 0.4 }), 11_001);
    expect(recorder.recording).toBe(false);
    recorder.add(face(), 11_002);
    expect(recorder.take.moments.map(({ seconds }) => seconds)).toEqual([0, 5, 10]);
    expect(recorder.take.names).toEqual(['jawOpen', 'mouthPucker']);
  });

  it('takes no two moments of one time, as glTF asks, nor any before the start', () => {
    const recorder = new Recorder(10);
    recorder.start(1000);
    for (const time of [900, 1100, 1100, 1050, 1200]) recorder.add(face(), time);
    expect(recorder.take.moments.map(({ seconds }) => seconds)).toEqual([0.1, 0.2]);
  });

  it('tells what is left, and ends also without a face', () => {
    const recorder = new Recorder(10);
    expect(recorder.remaining(0)).toBe(0);
    recorder.start(2000);
    expect(recorder.remaining(4500)).toBe(7.5);
    expect(recorder.expire(12_000)).toBe(false);
    expect(recorder.expire(12_001)).toBe(true);
    expect(recorder.expire(12_002)).toBe(false);
    expect(recorder.remaining(12_002)).toBe(0);
  });

  it('forgets the last take when it starts again', () => {
    const recorder = new Recorder(1);
    recorder.start(0);
    recorder.add(face({ jawOpen: 1 }), 0);
    recorder.stop();
    recorder.start(5000);
    expect(recorder.take).toEqual({ names: [], moments: [] });
  });
});

describe('eyeQuaternion', () => {
  const axis = ([x, y, z, w]: readonly number[]): number[] => [
    2 * (x * z + w * y),
    2 * (y * z - w * x),
    1 - 2 * (x * x + y * y),
  ];

  it('turns z to where an eye looks', () => {
    const gaze = [0.6, 0, 0.8, 0, -0.6, 0.8];
    for (const eye of [0, 1] as const) {
      axis(eyeQuaternion(gaze, eye)).forEach((value, k) => expect(value).toBeCloseTo(gaze[3 * eye + k], 9));
    }
  });

  it('lets an unseen eye look as the other, and both ahead where none is seen', () => {
    expect(eyeQuaternion([NaN, NaN, NaN, 0, -0.6, 0.8], 0)).toEqual(eyeQuaternion([NaN, NaN, NaN, 0, -0.6, 0.8], 1));
    expect(eyeQuaternion(new Array(6).fill(NaN), 1)).toEqual([0, 0, 0, 1]);
  });
});
