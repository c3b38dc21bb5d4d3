import { describe, expect, test } from 'vitest';
import { meanDistance } from '../../src/geometry/points';
import { Person, View, ViewPoints } from '../../src/video/person';
import { faceLayout, largestDifference, pictureOf, readVectors, tell } from '../read-vectors';

const STEP = 7;
const FEATURES = ['correlation', 'shape', 'tone', 'angle', 'change'];
const TOLERANCES = [0.02, 1e-3, 0.02, 0.01, 0.01];
const LOGIT_TOLERANCE = 0.02; // people differ by several

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

  test('of another shape is compared further only if its crop has changed', () => {
    const [crop, other] = [file.float64('crop 0'), pictureOf(file, 'picture 1')];
    const picture = pictureOf(file, 'picture 0');
    const changes = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3].map((share) => {
      const data = picture.data.map((value, i) => value + share * (other.data[i] - value));
      const view = new View({ ...picture, data }, crop, layout.size, mapOf(1), points);
      const change = Math.exp((view.differences(views[0]) as Float64Array)[4]) - 0.02;
      expect(view.otherPerson(views[0]) === -Infinity, `change ${change}`).toBe(change <= 0.18);
      return change;
    });
    expect(changes.filter((change) => change > 0.18 && change < 0.3).length).toBeGreaterThan(0);
    expect(changes.filter((change) => change < 0.18).length).toBeGreaterThan(1);
  });

  test('compares its small crop after the frame is gone', () => {
    const [view, earlier] = [viewOf(1), viewOf(0)];
    const before = viewOf(1).otherPerson(earlier);
    view.releasePicture();
    expect(view.otherPerson(earlier)).toBe(before);
    expect(before).toBeGreaterThan(-Infinity);
  });

  test('has a distance to another shape', () => {
    expect(meanDistance(Float64Array.of(0, 0, 0, 1, 1, 1), Float64Array.of(3, 4, 0, 1, 1, 3))).toBe(3.5);
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

  test('is compared with the last view and three older ones, of which one suffices', () => {
    const compared: number[] = [];
    const stub = (number: number, logit: number): View => {
      const otherPerson = (earlier: View): number => {
        compared.push((earlier as unknown as { number: number }).number);
        return logit;
      };
      return { number, otherPerson, releasePicture: () => undefined } as unknown as View;
    };
    const person = new Person();
    for (let k = 0; k < 6; k++) person.remember(stub(k, 0), 0.4 * k, 0.4);
    person.remember(stub(6, 0), 2.1, 0.1); // too soon for an older view
    expect(person.hasLeft(stub(7, 5))).toBe(true);
    expect(compared.splice(0)).toEqual([6, 5, 4, 3]);
    expect(person.hasLeft(stub(7, -2))).toBe(false);
    expect(compared).toEqual([6]);
  });

  test('has not left before anything is known', () => {
    const person = new Person();
    expect([person.hasLeft(views[0]), person.mayHaveLeft]).toEqual([false, false]);
  });
});
