import { describe, expect, test } from 'vitest';
import { Person, shapeDistance, View, ViewPoints } from '../../src/video/person';
import { faceLayout, largestDifference, pictureOf, readVectors, tell } from '../read-vectors';

const STEP = 7;
const FEATURES = ['correlation', 'shape', 'tone', 'angle', 'change'];
const TOLERANCES = [0.02, 1e-3, 0.02, 0.01, 0.01];
const LOGIT_TOLERANCE = 0.1; // people differ by several

const file = readVectors('video_views.bin');
const layout = faceLayout();
const points = new ViewPoints(layout, STEP);
const names = file.meta.pictures as string[];

/** A map with the texels that a view reads, and zeros elsewhere. */
function mapOf(k: number): Float32Array {
  const map = new Float32Array(layout.meanMap.length);
  const values = file.float32(`points ${k}`);
  layout.texels
    .filter((_, i) => i % STEP === 0)
    .forEach((texel, i) => map.set(values.subarray(3 * i, 3 * i + 3), 3 * texel));
  return map;
}

function viewOf(k: number): View {
  return new View(pictureOf(file, `picture ${k}`), file.float64(`crop ${k}`), layout.size, mapOf(k), points);
}

const views = names.map((_, k) => viewOf(k));

describe('the compared texels', () => {
  test('have normals and light as in Python', () => {
    expect(largestDifference(points.mean, file.float32('mean'))).toBeLessThan(1e-5);
    const away = largestDifference(points.normals, file.float32('normals'));
    tell('normals', away);
    expect(away).toBeLessThan(1e-5);
    expect(largestDifference(points.light, file.float32('light'))).toBeLessThan(1e-5);
  });
});

describe('a view', () => {
  test.each(names.map((name, k) => [name, k] as const))('of %s has the shape that Python sees', (_, k) => {
    const away = largestDifference(views[k].shape, file.float32(`shape ${k}`));
    tell('shape, mm', away);
    expect(away).toBeLessThan(1e-3);
  });

  test('differs from every other one as in Python', () => {
    const expected = file.float64('differences');
    const logits = file.float64('logits');
    const away = FEATURES.map(() => 0);
    let [pairs, unclear, quiet, logitAway] = [0, 0, 0, 0];
    views.forEach((view, i) => {
      views.forEach((earlier, j) => {
        const row = 5 * (names.length * i + j);
        const found = view.differences(earlier);
        expect(found === null, `${names[i]}, ${names[j]}`).toBe(Number.isNaN(expected[row]));
        found?.forEach((value, k) => (away[k] = Math.max(away[k], Math.abs(value - expected[row + k]))));
        const logit = view.otherPerson(earlier);
        const wanted = logits[names.length * i + j];
        expect(logit === -Infinity, `${names[i]}, ${names[j]}`).toBe(Number.isNaN(wanted));
        if (logit > -Infinity) logitAway = Math.max(logitAway, Math.abs(logit - wanted));
        pairs += Number(found !== null);
        unclear += Number(found === null);
        quiet += Number(logit === -Infinity);
      });
    });
    FEATURES.forEach((name, k) => {
      tell(`difference of views, ${name}`, away[k]);
      expect(away[k], name).toBeLessThan(TOLERANCES[k]);
    });
    tell('logit of another person', logitAway);
    expect(logitAway).toBeLessThan(LOGIT_TOLERANCE);
    expect(pairs).toBeGreaterThan(50);
    expect(unclear).toBeGreaterThan(1); // from the left and from the right
    expect(quiet).toBeGreaterThanOrEqual(names.length); // beside itself
  });

  test('tells two people from one, whose light is dimmed', () => {
    const [first, second] = [names.indexOf('person 3'), names.indexOf('person 4')];
    const dimmed = names.indexOf('person 3, dimmed');
    expect(views[second].otherPerson(views[first])).toBeGreaterThan(0.4);
    expect(views[dimmed].otherPerson(views[first])).toBeLessThan(-1);
  });

  test('compares its small crop after the frame is gone', () => {
    const [view, earlier] = [viewOf(1), viewOf(0)];
    const before = viewOf(1).otherPerson(earlier);
    view.releasePicture();
    expect(view.otherPerson(earlier)).toBe(before);
    expect(before).toBeGreaterThan(-Infinity);
  });

  test('has a distance to another shape', () => {
    expect(shapeDistance(Float64Array.of(0, 0, 0, 1, 1, 1), Float64Array.of(3, 4, 0, 1, 1, 3))).toBe(3.5);
  });
});

describe('a person', () => {
  test('is thought to have left when Python thinks so', () => {
    const [order, dt] = [file.int32('order'), file.float64('dt')];
    const thoughts = file.float64('thoughts');
    const [, length] = file.shape('order');
    let person = new Person();
    let [time, leavings, doubts, doubtAway] = [0, 0, 0, 0];
    order.forEach((number, i) => {
      const k = i % length;
      if (k === 0) [person, time] = [new Person(), 0]; // two other people
      time += dt[i];
      const left = person.hasLeft(views[number], k % 3 === 2);
      const [expectedLeft, expectedMaybe, expectedDoubt] = thoughts.subarray(3 * i, 3 * i + 3);
      expect([left, person.mayHaveLeft], `view ${i}`).toEqual([expectedLeft === 1, expectedMaybe === 1]);
      doubtAway = Math.max(doubtAway, Math.abs(person.doubt - expectedDoubt));
      leavings += Number(left);
      doubts += Number(!left && person.mayHaveLeft);
      if (left) person = new Person();
      person.remember(views[number], time, dt[i]);
    });
    tell('doubt', doubtAway);
    expect(doubtAway).toBeLessThan(LOGIT_TOLERANCE);
    expect([leavings, doubts].map((count) => count > 2)).toEqual([true, true]);
    expect(leavings + doubts).toBeLessThan(order.length / 2);
  });

  test('has not left before anything is known', () => {
    const person = new Person();
    expect([person.hasLeft(views[0]), person.mayHaveLeft]).toEqual([false, false]);
  });
});
