import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Opener, type Ready } from '../../page/tracking/opener';

const busy: boolean[] = [];
const errors: unknown[] = [];
let opener: Opener;

beforeEach(() => {
  busy.length = errors.length = 0;
  opener = new Opener({ onBusy: (is) => busy.push(is), onError: (error) => errors.push(error) });
});

/** A source that comes, or does not, when the test says so. */
function source(): { ready: Ready; come: () => void; fail: () => void; opened: Promise<void> } {
  const ready = { show: vi.fn(), drop: vi.fn() };
  let [come, fail] = [(): void => undefined, (): void => undefined];
  const coming = new Promise<Ready>((resolve, reject) => {
    come = () => resolve(ready);
    fail = () => reject(new Error('none'));
  });
  return { ready, opened: opener.open(() => coming), come, fail };
}

describe('an opener', () => {
  it('shows what comes', async () => {
    const one = source();
    expect(opener.busy).toBe(true);
    one.come();
    await one.opened;
    expect(one.ready.show).toHaveBeenCalledTimes(1);
    expect([busy, errors, opener.busy]).toEqual([[true, false], [], false]);
  });

  it('tells of what does not come', async () => {
    const one = source();
    one.fail();
    await one.opened;
    expect(errors).toEqual([new Error('none')]);
    expect(opener.busy).toBe(false);
  });

  it('drops what comes after a newer choice, and is busy until that has come', async () => {
    const [old, next] = [source(), source()];
    old.come();
    await old.opened;
    expect(old.ready.drop).toHaveBeenCalledTimes(1);
    expect(old.ready.show).not.toHaveBeenCalled();
    expect(opener.busy).toBe(true);
    next.come();
    await next.opened;
    expect(next.ready.show).toHaveBeenCalledTimes(1);
    expect(busy.at(-1)).toBe(false);
  });

  it('drops it too if the newer one was there first, and says nothing of an old failure', async () => {
    const [old, failing, next] = [source(), source(), source()];
    next.come();
    await next.opened;
    old.come();
    failing.fail();
    await Promise.all([old.opened, failing.opened]);
    expect([old, next].map(({ ready }) => vi.mocked(ready.show).mock.calls.length)).toEqual([0, 1]);
    expect(errors).toEqual([]);
  });
});
