import { describe, expect, it } from 'vitest';
import { EFFECTS, effectEntry } from '../../page/effects/catalogue';
import { countText } from '../../page/faces/order';
import { GlbError } from '../../page/export/glb';
import { cameraErrorCode } from '../../page/sources/camera';
import { fittedSize } from '../../page/sources/files';
import { PartMeter, RateMeter } from '../../page/tracking/meter';
import { describe as describeError, PageError, type PageErrorCode } from '../../page/ui/errors';
import { loadingState } from '../../page/ui/loading';
import { rateText } from '../../page/ui/speed';
import { FaceError, type ErrorCode } from '../../src/index';

describe('messages', () => {
  const pageCodes: PageErrorCode[] = [
    ...(['no-camera', 'refused', 'camera-busy', 'insecure', 'not-an-image'] as const),
    ...(['no-webgl', 'too-large', 'offline'] as const),
  ];
  const faceCodes: ErrorCode[] = ['load', 'damaged', 'unsupported', 'picture', 'memory', 'closed', 'internal'];

  it('are different for everything that can go wrong', () => {
    const errors = [
      ...pageCodes.map((code) => new PageError(code)),
      ...faceCodes.map((code) => new FaceError(code, 'why')),
    ];
    const messages = errors.map((error) => describeError(error));
    expect(new Set(messages.map(({ title }) => title)).size).toBe(errors.length);
    for (const { text } of messages) expect(text.length).toBeGreaterThan(15);
  });

  it('offer another start only where nothing else helps', () => {
    expect(describeError(new FaceError('damaged', '')).fatal).toBe(true);
    expect(describeError(new FaceError('picture', '')).fatal).toBe(false);
    expect(describeError(new PageError('refused')).fatal).toBe(false);
  });

  it('name the file that is damaged or missing', () => {
    const address = 'http://127.0.0.1:8000/files/open.bin';
    expect(describeError(new FaceError('damaged', `${address} is damaged.`)).text).toMatch(/^open\.bin: Load/);
    expect(describeError(new FaceError('load', `${address} is not there.`)).text).toMatch(/^open\.bin: Check/);
    expect(describeError(new FaceError('load', 'It is no address.')).text).toMatch(/^Check/);
  });

  it('know memory, models, and what nobody thought of', () => {
    expect(describeError(new RangeError('Array buffer allocation failed')).title).toBe('Memory is used up');
    expect(describeError(new Error('WebAssembly: Out of memory')).title).toBe('Memory is used up');
    expect(describeError(new GlbError('It is compressed.')).text).toBe('It is compressed.');
    expect(describeError('odd')).toEqual({ title: 'Something went wrong', text: 'odd', fatal: false });
  });

  it('know what a camera says', () => {
    const named = (name: string): Error => Object.assign(new Error('x'), { name });
    expect(cameraErrorCode(named('NotAllowedError'))).toBe('refused');
    expect(cameraErrorCode(named('NotFoundError'))).toBe('no-camera');
    expect(cameraErrorCode(named('NotReadableError'))).toBe('camera-busy');
    expect(cameraErrorCode('odd')).toBe('camera-busy');
  });
});

describe('the number of faces', () => {
  it('does not claim that there are no more than those that are looked for', () => {
    expect([0, 1, 2].map(countText)).toEqual(['No face found', '1 face found', '2 faces found']);
    expect(countText(3)).toBe('3 faces found: at most the 3 largest are shown');
  });
});

describe('loading', () => {
  it('tells how far it is', () => {
    expect(loadingState({ loaded: 1_500_000, total: 6_000_000, file: 'a' })).toEqual({
      share: 0.25,
      text: '1.5 MB of 6.0 MB',
    });
    expect(loadingState({ loaded: 6, total: 6, file: 'a' })).toEqual({ share: 1, text: 'Starting …' });
    expect(loadingState({ loaded: 0, total: 0, file: 'a' })).toEqual({ share: 0, text: 'Loading …' });
  });
});

describe('meters', () => {
  it('count frames a second over the last ones', () => {
    const meter = new RateMeter();
    expect(meter.rate).toBe(0);
    for (let k = 0; k < 10; k++) meter.tick(40 * k);
    expect(meter.rate).toBeCloseTo(25, 9);
    for (let k = 0; k < 40; k++) meter.tick(1000 + 20 * k);
    expect(meter.rate).toBeCloseTo(50, 9);
    meter.reset();
    expect(meter.rate).toBe(0);
  });

  it('tell a slow rate, too', () => {
    expect([0, 0.42, 2.96, 3.2, 24.6].map(rateText)).toEqual(['0', '0.4', '3.0', '3', '25']);
  });

  it('follow a part slowly', () => {
    const meter = new PartMeter();
    meter.add('network', 10);
    meter.add('network', 20);
    expect(meter.parts.get('network')).toBeCloseTo(11.5, 9);
    meter.reset();
    expect(meter.parts.size).toBe(0);
  });
});

describe('sources', () => {
  it('shrink large pictures and leave small ones', () => {
    expect(fittedSize({ width: 4000, height: 3000 }, 2000)).toEqual({ width: 2000, height: 1500 });
    expect(fittedSize({ width: 300, height: 200 }, 2000)).toEqual({ width: 300, height: 200 });
    expect(fittedSize({ width: 10_000, height: 1 }, 100)).toEqual({ width: 100, height: 1 });
  });
});

describe('effects', () => {
  it('have identities of their own', () => {
    expect(new Set(EFFECTS.map(({ id }) => id)).size).toBe(EFFECTS.length);
    expect(effectEntry('glasses:sun').kind).toBe('glasses');
    expect(effectEntry('nothing of the kind').id).toBe('none');
  });
});
