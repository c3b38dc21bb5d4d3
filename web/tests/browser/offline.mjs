/**
 * The built page on a static host, which sends no headers of isolation: once from the host, and once more after the host
 * has gone: then effects with pictures of their own, the avatar, and a photo are there too.
 *
 * The task: `chromium`; `folder` of the built page; `photo`, a file to be opened; `shots`, a folder for pictures.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { main } from './browser.mjs';
import { drawn, openPhoto, shownText } from './page.mjs';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };
const PATIENCE = 240_000; // milliseconds

const LATER = ['head.glb', 'mask-tiger.webp', 'mask-opera-small.webp', 'face-captain.webp'].map(
  (name) => `files/page/${name}`,
);

/** Runs in the page: whether all of these files are kept for use without a network. */
async function isKept(names) {
  const kept = await Promise.all(names.map((name) => globalThis.caches.match(new URL(name, document.baseURI).href)));
  return kept.every(Boolean);
}

/** A server of a folder that knows no headers but the type. */
async function staticHost(folder) {
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, 'http://host').pathname);
    const path = join(folder, name.endsWith('/') ? `${name}index.html` : name);
    if (name.includes('..') || !existsSync(path) || !statSync(path).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream' });
    createReadStream(path).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Waits until the page shows the sample face, and tells what it is then. */
async function shown(page) {
  await page.waitForFunction(() => /\b(ready|failed)\b/.test(document.body?.className), null, { timeout: PATIENCE });
  return page.evaluate(() => ({
    state: document.body.className,
    isolated: crossOriginIsolated,
    controlled: Boolean(navigator.serviceWorker.controller),
  }));
}

/** What a reader does without the host. */
async function used(page, task) {
  const shoot = (selector, name) => page.locator(selector).screenshot({ path: join(task.shots, `${name}.png`) });
  await page.click('#tab-effects');
  await shoot('#stage', 'none');
  for (const effect of ['mask:tiger', 'glasses:round', 'swap:captain']) {
    await page.locator(`input[value="${effect}"]`).check({ force: true });
    await page.waitForTimeout(1500);
    await drawn(page);
    await shoot('#stage', effect.replace(':', '-'));
  }
  await shoot('#viewer', 'face');
  await page.click('#tab-avatar');
  await page.waitForTimeout(3000);
  await drawn(page);
  await shoot('#viewer', 'avatar');
  const message = await shownText(page, '#message');
  await openPhoto(page, task.photo);
  return { message, status: await page.locator('#status').textContent() };
}

await main(async (page, task) => {
  const server = await staticHost(task.folder);
  const address = `http://127.0.0.1:${server.address().port}/`;
  const visits = [];
  page.on('framenavigated', () => visits.push(page.url()));
  await page.goto(address, { waitUntil: 'commit' });
  const first = await shown(page);
  while (!(await page.evaluate(isKept, LATER))) await page.waitForTimeout(300);
  first.visits = visits.length;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await page.reload({ waitUntil: 'commit', timeout: PATIENCE });
  return { address, first, offline: await shown(page), used: await used(page, task) };
});
