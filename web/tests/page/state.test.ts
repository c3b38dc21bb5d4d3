import { describe, expect, it, vi } from 'vitest';
import { readLink } from '../../page/state/link';
import { initialState, isLive, openSource, openTab, showFaces } from '../../page/state/state';
import { Store } from '../../page/state/store';

describe('Store', () => {
  it('tells listeners of their keys, once for a change, and at first', () => {
    const store = new Store({ a: 1, b: 2, c: 3 });
    const told = vi.fn();
    const end = store.on(['a', 'b'], told);
    expect(told).toHaveBeenCalledTimes(1);
    store.set({ a: 5, b: 6 });
    expect(told).toHaveBeenCalledTimes(2);
    expect(told).toHaveBeenLastCalledWith({ a: 5, b: 6, c: 3 });
    store.set({ c: 9 });
    store.set({ a: 5 });
    expect(told).toHaveBeenCalledTimes(2);
    end();
    store.set({ a: 0 });
    expect(told).toHaveBeenCalledTimes(2);
    expect(store.get()).toEqual({ a: 0, b: 6, c: 9 });
  });

  it('lets a listener change the state', () => {
    const store = new Store({ a: 1, b: 0 });
    store.on(['a'], ({ a }) => store.set({ b: 2 * a }));
    store.set({ a: 4 });
    expect(store.get().b).toBe(8);
  });
});

describe('state', () => {
  it('shows the avatar in its tab, the face in the others, and what was shown while saving', () => {
    expect(openTab('avatar').shows).toBe('avatar');
    expect(openTab('effects').shows).toBe('face');
    expect(openTab('save')).toEqual({ tab: 'save' });
  });

  it('mirrors a camera only, and follows the head in what moves', () => {
    expect(openSource('camera')).toMatchObject({ mirrored: true, follow: true, faces: [] });
    expect(openSource('video')).toMatchObject({ mirrored: false, follow: true });
    expect(openSource('photo')).toMatchObject({ mirrored: false, follow: false });
    expect([null, 'sample', 'photo', 'video', 'camera'].map((kind) => isLive(kind as 'photo'))).toEqual(
      [false, false, false, true, true], // prettier-ignore
    );
  });

  it('keeps the chosen face while it is there', () => {
    const state = { ...initialState(), faces: [3, 1], selected: 1 };
    expect(showFaces(state, [3, 1])).toEqual({ selected: 1 });
    expect(showFaces(state, [1, 2])).toEqual({ faces: [1, 2], selected: 1 });
    expect(showFaces(state, [2, 4])).toEqual({ faces: [2, 4], selected: 2 });
    expect(showFaces(state, [])).toEqual({ faces: [], selected: 1 });
  });
});

describe('readLink', () => {
  it('reads what it knows', () => {
    const { state, yaw, pitch } = readLink('#view=depth&effect=mask:tiger&tab=effects&draw=mesh,gaze&yaw=90&pitch=-45');
    expect(state).toEqual({
      view: 'depth',
      effect: 'mask:tiger',
      tab: 'effects',
      shows: 'face',
      drawMesh: true,
      drawGaze: true,
    });
    expect([yaw, pitch]).toEqual([Math.PI / 2, -Math.PI / 4]);
  });

  it('leaves out what it does not know', () => {
    expect(readLink('#view=x&effect=mask:none&tab=home&draw=hair&yaw=far')).toEqual({ state: {}, yaw: 0, pitch: 0 });
    expect(readLink('')).toEqual({ state: {}, yaw: 0, pitch: 0 });
  });
});
