import { describe, expect, it } from 'vitest';
import { ARKIT_NAMES, arkitName, regionOf, weightRows } from '../../page/avatar/names';

describe('arkitName', () => {
  it('knows every name of ARKit as it is', () => {
    expect(ARKIT_NAMES).toHaveLength(52);
    for (const name of ARKIT_NAMES) expect(arkitName(name)).toBe(name);
  });

  it.each([
    ['MouthSmile_L', 'mouthSmileLeft'],
    ['mouth_smile_right', 'mouthSmileRight'],
    ['blendShape1.jawOpen', 'jawOpen'],
    ['head:eyeBlink_R', 'eyeBlinkRight'],
    ['BROW INNER UP', 'browInnerUp'],
    ['eyeLookIn-l', 'eyeLookInLeft'],
    ['jawRight', 'jawRight'],
  ])('understands %s', (target, name) => expect(arkitName(target)).toBe(name));

  it.each(['viseme_aa', 'smile', 'mouthSmile', '', 'jawOpen2'])('does not guess: %s', (target) => {
    expect(arkitName(target)).toBeNull();
  });
});

describe('weightRows', () => {
  it('joins the two sides, the right one first, and orders by region', () => {
    const rows = weightRows(['mouthSmileLeft', 'mouthSmileRight', 'jawOpen', 'browDownLeft', 'jawLeft', 'mouthLeft']);
    expect(rows.map(({ name, weights }) => [name, ...weights])).toEqual([
      ['browDown', 'browDownLeft'],
      ['jawOpen', 'jawOpen'],
      ['jawLeft', 'jawLeft'],
      ['mouthSmile', 'mouthSmileRight', 'mouthSmileLeft'],
      ['mouthLeft', 'mouthLeft'],
    ]);
  });

  it('has a region for every name', () => {
    expect(ARKIT_NAMES.filter((name) => regionOf(name) === 'Eyes')).toHaveLength(14);
    expect(regionOf('noseSneerLeft')).toBe('Cheeks and nose');
  });
});
