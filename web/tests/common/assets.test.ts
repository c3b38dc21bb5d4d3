import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fileAddress, folderAddress, loadFiles, readManifest, type Manifest } from '../../src/common/assets';
import type { Progress } from '../../src/types';

const FOLDER = 'https://faces.example/site/lprnet/';
const contents: Record<string, Uint8Array> = {
  'a.bin': Uint8Array.from({ length: 1000 }, (_, i) => i % 251),
  'wasm/b.wasm': Uint8Array.from({ length: 300 }, (_, i) => i % 7),
};
const manifest: Manifest = {
  version: '1.2.3',
  files: Object.fromEntries(
    Object.entries(contents).map(([name, data]) => [
      name,
      { bytes: data.length, sha256: createHash('sha256').update(data).digest('hex') },
    ]),
  ),
};

type Answer = (name: string, init: RequestInit) => Response | undefined;

/** A server with the files; `special` may answer in another way. It notes what was asked for. */
function server(special: Answer = () => undefined): { fetcher: typeof fetch; asked: string[] } {
  const asked: string[] = [];
  const fetcher = vi.fn(async (address: string, init: RequestInit) => {
    const name = address.slice(FOLDER.length);
    asked.push(`${name} ${init.cache}`);
    const data = contents[name] as Uint8Array<ArrayBuffer> | undefined;
    return special(name, init) ?? (data ? new Response(inParts(data)) : new Response('', { status: 404 }));
  });
  return { fetcher: fetcher as unknown as typeof fetch, asked };
}

function inParts(data: Uint8Array, size = 256): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= data.length) controller.close();
      else controller.enqueue(data.slice(at, (at += size)));
    },
  });
}

const names = Object.keys(contents);

afterEach(() => vi.unstubAllGlobals());

describe('addresses', () => {
  it('are those of a folder, relative to the page', () => {
    expect(folderAddress('lprnet', 'https://faces.example/site/index.html')).toBe(FOLDER);
    expect(folderAddress(new URL(FOLDER), 'https://other.example/')).toBe(FOLDER);
    expect(folderAddress('/l?v=2#x', 'https://faces.example/')).toBe('https://faces.example/l/?v=2');
    expect(fileAddress('https://faces.example/l/?v=2', 'wasm/b.wasm')).toBe('https://faces.example/l/wasm/b.wasm?v=2');
    expect(() => folderAddress('http://[', 'https://faces.example/')).toThrow(
      expect.objectContaining({ code: 'load', message: expect.stringContaining('npx lprnet-files') }),
    );
  });
});

describe('readManifest', () => {
  const answering =
    (body: string, status = 200): typeof fetch =>
    async () =>
      new Response(body, { status });

  it('gives what the file says, and asks whether it is the newest', async () => {
    const fetcher = vi.fn(answering(JSON.stringify(manifest)));
    expect(await readManifest(FOLDER, fetcher)).toEqual(manifest);
    expect(fetcher).toHaveBeenCalledWith(`${FOLDER}manifest.json`, { cache: 'no-cache' });
  });

  it.each([
    ['a page instead of it', answering('<!doctype html><p>Not here'), 'no list'],
    ['another JSON file', answering('{"files": {"a": {"bytes": 1}}}'), 'no list'],
    ['nothing', answering('', 404), '404'],
  ])('tells of %s', async (_, fetcher, words) => {
    const message = expect.stringContaining(words);
    await expect(readManifest(FOLDER, fetcher)).rejects.toMatchObject({ name: 'FaceError', code: 'load', message });
  });

  it('tells that there is no network', async () => {
    const fetcher: typeof fetch = () => Promise.reject(new TypeError('Failed to fetch'));
    await expect(readManifest(FOLDER, fetcher)).rejects.toMatchObject({ code: 'load' });
  });
});

describe('loadFiles', () => {
  it('gives the bytes, and tells how far it is', async () => {
    const { fetcher } = server();
    const heard: Progress[] = [];
    const files = await loadFiles(FOLDER, names, manifest, (progress) => heard.push(progress), fetcher);
    for (const name of names) expect(new Uint8Array(files.get(name) as ArrayBuffer)).toEqual(contents[name]);
    expect(heard.map((progress) => progress.loaded)).toEqual([...heard.map((p) => p.loaded)].sort((a, b) => a - b));
    expect(heard.length).toBe(4 + 2); // parts of 256 bytes
    expect(heard.at(-1)).toMatchObject({ loaded: 1300, total: 1300 });
    expect(new Set(heard.map((progress) => progress.file))).toEqual(new Set(names));
  });

  it.each([
    ['altered', (data: Uint8Array) => data.map((byte, i) => (i === 500 ? byte ^ 1 : byte))],
    ['truncated', (data: Uint8Array) => data.slice(0, 999)],
    ['too long', (data: Uint8Array) => Uint8Array.of(...data, 1)],
    ['empty', () => new Uint8Array(0)],
  ])('refuses a file that is %s, after it was asked for past the cache', async (_, change) => {
    const damaged = change(contents['a.bin']) as Uint8Array<ArrayBuffer>;
    const { fetcher, asked } = server((name) => (name === 'a.bin' ? new Response(inParts(damaged)) : undefined));
    await expect(loadFiles(FOLDER, names, manifest, undefined, fetcher)).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringMatching(/a\.bin is damaged.*1000 bytes.*npx lprnet-files/),
    });
    expect(asked.filter((request) => request.startsWith('a.bin'))).toEqual(['a.bin default', 'a.bin reload']);
  });

  it('takes the newest copy where the cache has an older one', async () => {
    const older = new Uint8Array(1000);
    const { fetcher } = server((name, { cache }) =>
      name === 'a.bin' && cache === 'default' ? new Response(older) : undefined,
    );
    const heard: number[] = [];
    const files = await loadFiles(FOLDER, names, manifest, (progress) => heard.push(progress.loaded), fetcher);
    expect(new Uint8Array(files.get('a.bin') as ArrayBuffer)).toEqual(contents['a.bin']);
    expect(Math.max(...heard)).toBe(1300);
    expect(heard.at(-1)).toBe(1300);
  });

  it('names a file that is missing, and gives up the others', async () => {
    let signal: AbortSignal | null | undefined;
    const { fetcher } = server((name, init) => {
      signal = init.signal;
      return name === 'a.bin' ? new Response('', { status: 404 }) : undefined;
    });
    const rejected = loadFiles(FOLDER, names, manifest, undefined, fetcher);
    await expect(rejected).rejects.toMatchObject({
      code: 'load',
      message: expect.stringMatching(/a\.bin is not there.*404/),
    });
    expect(signal?.aborted).toBe(true);
  });

  it('names a file that the manifest does not list', async () => {
    const { fetcher, asked } = server();
    const rejected = loadFiles(FOLDER, ['fit.bin'], manifest, undefined, fetcher);
    await expect(rejected).rejects.toMatchObject({
      code: 'load',
      message: expect.stringContaining('does not list fit.bin'),
    });
    expect(asked).toEqual([]);
  });

  it('tells of a connection that breaks', async () => {
    const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError('network error')) });
    const { fetcher } = server((name) => (name === 'a.bin' ? new Response(broken) : undefined));
    const rejected = loadFiles(FOLDER, names, manifest, undefined, fetcher);
    await expect(rejected).rejects.toMatchObject({ code: 'load', message: expect.stringContaining('half way') });
  });

  it('compares only sizes where the browser computes no SHA-256', async () => {
    vi.stubGlobal('crypto', {});
    const altered = contents['a.bin'].map((byte) => byte ^ 1);
    const { fetcher } = server((name) => (name === 'a.bin' ? new Response(altered) : undefined));
    const files = await loadFiles(FOLDER, names, manifest, undefined, fetcher);
    expect(new Uint8Array(files.get('a.bin') as ArrayBuffer)).toEqual(altered);
  });
});
