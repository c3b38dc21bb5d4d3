import { describe, expect, test } from 'vitest';
import type { Box } from '../../src/geometry/crop';
import { viewMatrix } from '../../src/geometry/crop';
import type { Look } from '../../src/reconstruction/closer-look';
import type { View } from '../../src/video/person';
import { Track, TrackList, type Place } from '../../src/video/tracks';

/** A box of 100 x 100 pixels around a point. */
function boxAt(x: number, y = 100, side = 100): Box {
  return [x - side / 2, y - side / 2, x + side / 2, y + side / 2];
}

function placeOf(box: Box): Place {
  return { crop: viewMatrix([100, 100], 150, 128), box, shape: new Float64Array(9) };
}

const noView = null as unknown as View; // of the stand-ins below, which compare none

/** A list with one active track for each box. */
function listOf(...boxes: Box[]): TrackList {
  const list = new TrackList();
  list.advance(0.1);
  for (const box of boxes) list.findOrCreate(box, noView, placeOf(box));
  return list;
}

function lookOf(value: number, expressions: number[]): Look {
  return {
    confidence: Float64Array.of(1, 1, 1),
    irises: Float64Array.of(value, value, 5, value, value, 5),
    gaze: Float64Array.of(Math.sin(value), 0, Math.cos(value), 0, 0, 1),
    firstMap: new Float32Array(0),
    expressions: Float64Array.from(expressions),
  };
}

describe('a list of tracks', () => {
  test('counts ids from 0', () => {
    expect(listOf(boxAt(100), boxAt(300)).active.map((track) => track.id)).toEqual([0, 1]);
  });

  test('knows a face by its box', () => {
    const list = listOf(boxAt(100), boxAt(300));
    list.advance(0.5);
    expect(list.confirm(boxAt(310))).toBe(true);
    expect(list.confirm(boxAt(200))).toBe(false); // a third of each would do
    expect(list.active.map((track) => track.confirmedAt)).toEqual([0.1, 0.6]);
  });

  test('drops a track that is not confirmed for three seconds', () => {
    const list = listOf(boxAt(100), boxAt(300));
    list.advance(2);
    list.confirm(boxAt(100));
    list.advance(0.9);
    list.dropUnconfirmed();
    expect(list.active).toHaveLength(2);
    list.advance(0.2);
    list.dropUnconfirmed();
    expect(list.active.map((track) => track.id)).toEqual([0]);
  });

  test('drops the younger of two tracks of the same face', () => {
    const list = listOf(boxAt(100), boxAt(110), boxAt(150));
    const [first, second, third] = list.active;
    expect(list.dropDuplicate(first, [])).toBe(false);
    expect(list.dropDuplicate(second, [first])).toBe(true);
    expect(list.dropDuplicate(third, [first])).toBe(false);
    expect(list.active).toEqual([first, third]);
  });

  test('gives a lost face its id again within a second, near its place and at about its size', () => {
    const places: [number, Box, number][] = [
      [0.9, boxAt(190), 0],
      [1.1, boxAt(100), 1], // too late
      [0.5, boxAt(201), 1], // too far
      [0.5, boxAt(100, 100, 180), 1], // too large
      [0.5, boxAt(100, 100, 140), 0],
      [0.5, boxAt(100, 100, 60), 1], // too small
    ];
    for (const [passed, box, id] of places) {
      const list = listOf(boxAt(100));
      const [track] = list.active;
      track.age = 3;
      list.lose(track);
      expect(list.active).toEqual([]);
      list.advance(passed);
      const found = list.findOrCreate(box, noView, placeOf(box));
      expect(found.id, `${passed} s, ${box.join(', ')}`).toBe(id);
      expect(found.age).toBe(0);
      expect(found.confirmedAt).toBeCloseTo(0.1 + passed, 12);
      expect(list.active).toEqual([found]);
    }
  });

  test('takes the nearest of two lost faces, unless it is another person', () => {
    for (const isOther of [false, true]) {
      const list = listOf(boxAt(100), boxAt(160));
      const [far, near] = list.active;
      near.person.hasLeft = (_, foundAgain) => {
        expect(foundAgain).toBe(true); // its shape may differ more
        return isOther;
      };
      list.lose(far);
      list.lose(near);
      const found = list.findOrCreate(boxAt(150), noView, placeOf(boxAt(150)));
      expect(found).toBe(isOther ? far : near);
      // the other one is still lost, and can be found
      expect(list.findOrCreate(boxAt(101), noView, placeOf(boxAt(101)))).toBe(isOther ? list.active[1] : far);
    }
  });

  test("puts another person in a track's place, and keeps the doubt", () => {
    const list = listOf(boxAt(100), boxAt(300));
    const [first, second] = list.active;
    first.person.doubt = 1.5;
    const found = list.replace(first, placeOf(boxAt(100)));
    expect(list.active).toEqual([found, second]);
    expect([found.id, found.look, found.person.doubt]).toEqual([2, 0, 1.5]);
  });
});

describe('a track', () => {
  const map = (value: number): Float32Array => new Float32Array(12).fill(value);

  test('weighs all frames alike at first, and more carefully later', () => {
    const track = new Track(0, 0, placeOf(boxAt(100)));
    const dt = 1 / 30;
    let mean = 0;
    for (let k = 0; k < 4; k++) {
      const value = k % 2 ? 0.01 : 0; // it hardly moves
      mean += (value - mean) / (k + 1);
      expect(track.smooth(map(value), dt)[0]).toBeCloseTo(mean, 3);
      track.age += dt;
    }
    track.age = 20;
    const before = track.smooth(map(0.01), dt)[0];
    expect(track.smooth(map(0.02), dt)[0] - before).toBeLessThan(0.08 * (0.02 - before));
  });

  test('follows a face that moves by a tenth of its size in each frame', () => {
    const track = new Track(0, 0, placeOf(boxAt(100)));
    let smoothed = 0;
    for (let k = 0; k < 10; k++) {
      [smoothed] = track.smooth(map(10 * k), 1 / 30);
      track.age += 1 / 30;
    }
    expect(90 - smoothed).toBeGreaterThan(0);
    expect(90 - smoothed).toBeLessThan(3);
  });

  test('forgets its movement, its face at rest and its identity for another look', () => {
    const track = new Track(0, 0, placeOf(boxAt(100)));
    track.smooth(map(0), 0.1);
    track.smoothLook(lookOf(0, [0]), 0.1);
    track.resting.update({ jawOpen: 0.5 }, 10);
    track.identitySamples = 3;
    track.age = 1;
    track.startAnew();
    expect([track.look, track.age, track.identitySamples, track.resting.weights.size]).toEqual([1, 0, 0, 0]);
    expect(track.smooth(map(7), 0.1)[0]).toBe(7);
    expect(track.smoothLook(lookOf(0.5, [1]), 0.1).expressions[0]).toBe(1);
  });

  test('smooths what was seen; what was not seen before counts as 0', () => {
    const track = new Track(0, 0, placeOf(boxAt(100)));
    const first = lookOf(0, [0.5, NaN]);
    const begun = track.smoothLook(first, 1 / 30);
    expect([...begun.expressions]).toEqual([0.5, NaN]);
    const next = lookOf(0.2, [NaN, 0.4]);
    const found = track.smoothLook(next, 1 / 30);
    expect(found.expressions[0]).toBeNaN();
    expect(found.expressions[1]).toBeGreaterThan(0);
    expect(found.expressions[1]).toBeLessThan(0.4);
    expect(found.gaze[0]).toBeGreaterThan(0);
    expect(found.gaze[0]).toBeLessThan(Math.sin(0.2));
    expect(Math.hypot(...found.gaze.subarray(0, 3))).toBeCloseTo(1, 12);
    expect(found.irises[0]).toBeGreaterThan(0);
    expect(found.irises[0]).toBeLessThan(0.2);
    expect(found.irises[2]).toBeCloseTo(5, 12);
    expect([found.confidence, found.firstMap]).toEqual([next.confidence, next.firstMap]);
    expect([...next.expressions]).toEqual([NaN, 0.4]); // as it was
  });
});
