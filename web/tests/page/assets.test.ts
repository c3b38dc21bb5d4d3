import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => vi.unstubAllGlobals());

it('a file of the page that cannot be loaded was not kept for offline use', async () => {
  vi.stubGlobal('document', { baseURI: 'https://faces.example/' });
  const { loadAsset } = await import('../../page/assets');
  const answers: (() => Promise<Response>)[] = [
    () => Promise.reject(new TypeError('Failed to fetch')),
    async () => new Response('not here', { status: 404 }),
  ];
  for (const answer of answers) {
    vi.stubGlobal('fetch', answer);
    await expect(loadAsset('sample.jpg')).rejects.toMatchObject({ name: 'PageError', code: 'offline' });
  }
  const fetched = vi.fn(async () => new Response('a picture'));
  vi.stubGlobal('fetch', fetched);
  expect(await (await loadAsset('sample.jpg')).text()).toBe('a picture');
  expect(fetched).toHaveBeenCalledWith('https://faces.example/files/page/sample.jpg');
});
