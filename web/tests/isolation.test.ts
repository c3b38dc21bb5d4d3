import { afterEach, describe, expect, it, vi } from 'vitest';
import { isolated, startServiceWorker } from '../page/isolation';

afterEach(() => vi.unstubAllGlobals());

describe('isolated', () => {
  it('adds the headers, and keeps the rest', async () => {
    const answer = isolated(
      new Response('a page', { status: 203, statusText: 'Fine', headers: { 'Content-Type': 'text/x' } }),
    );
    expect([answer.status, answer.statusText, await answer.text()]).toEqual([203, 'Fine', 'a page']);
    expect(answer.headers.get('content-type')).toBe('text/x');
    expect(answer.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(answer.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  });

  it('takes answers without a body, and leaves errors', () => {
    expect(isolated(new Response(null, { status: 304 })).status).toBe(304);
    const error = Response.error();
    expect(isolated(error)).toBe(error);
  });
});

interface Browser {
  isolated?: boolean;
  hostname?: string;
  secure?: boolean;
  controller?: object | null;
  reloaded?: boolean;
  register?: () => Promise<void>;
}

/** A browser of these properties; what the page did in it. */
function browser({ isolated = false, hostname = 'faces.example', secure = true, controller = {}, ...rest }: Browser) {
  const register = vi.fn(rest.register ?? (async () => undefined));
  const reload = vi.fn();
  const session = new Map<string, string>(rest.reloaded ? [['lprnet-isolation-reloaded', 'yes']] : []);
  let claim: () => void = () => undefined;
  const container = {
    controller,
    register,
    addEventListener: (_: string, listener: () => void) => {
      claim = listener;
    },
  };
  vi.stubGlobal('crossOriginIsolated', isolated);
  vi.stubGlobal('isSecureContext', secure);
  vi.stubGlobal('location', { hostname, reload });
  vi.stubGlobal('navigator', { serviceWorker: container });
  vi.stubGlobal('sessionStorage', {
    getItem: (k: string) => session.get(k) ?? null,
    setItem: (k: string, v: string) => session.set(k, v),
  });
  const takeOver = (): void => {
    container.controller = {};
    claim();
  };
  return { register, reload, takeOver };
}

/** Whether a promise is done after a moment. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  const waiting = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 20));
  return Promise.race([promise.then(() => true), waiting]);
}

describe('startServiceWorker', () => {
  it('loads a page without the headers once more, when the service worker answers', async () => {
    const { register, reload, takeOver } = browser({ controller: null });
    const started = startServiceWorker('sw.js');
    expect(await isDone(started)).toBe(false);
    expect(register).toHaveBeenCalledWith('sw.js');
    expect(reload).not.toHaveBeenCalled();
    takeOver();
    expect(await isDone(started)).toBe(false); // the page is about to go
    expect(reload).toHaveBeenCalledOnce();
  });

  it('does so only once', async () => {
    const { reload } = browser({ reloaded: true });
    expect(await isDone(startServiceWorker())).toBe(true);
    expect(reload).not.toHaveBeenCalled();
  });

  it('keeps the files of a page with the headers', async () => {
    const { register, reload } = browser({ isolated: true });
    expect(await isDone(startServiceWorker())).toBe(true);
    expect(register).toHaveBeenCalledOnce();
    expect(reload).not.toHaveBeenCalled();
  });

  it.each([
    ['on this computer, where the server sends the headers', { isolated: true, hostname: '127.0.0.1' }],
    ['where the browser permits none', { secure: false }],
  ])('registers none %s', async (_, properties) => {
    const { register } = browser(properties);
    expect(await isDone(startServiceWorker())).toBe(true);
    expect(register).not.toHaveBeenCalled();
  });

  it('goes on without one that cannot be registered', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { reload } = browser({ register: () => Promise.reject(new Error('blocked')) });
    expect(await isDone(startServiceWorker())).toBe(true);
    expect(reload).not.toHaveBeenCalled();
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('blocked'));
  });
});
