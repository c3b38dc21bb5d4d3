/**
 * The built page on a static host, which sends no headers of isolation: once from the host, and once more after the host
 * has gone.
 *
 * The task: `chromium`, and `folder` of the built page.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { main } from './browser.mjs';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };
const PATIENCE = 240_000; // milliseconds

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

await main(async (page, task) => {
  const server = await staticHost(task.folder);
  const address = `http://127.0.0.1:${server.address().port}/`;
  const visits = [];
  page.on('framenavigated', () => visits.push(page.url()));
  await page.goto(address, { waitUntil: 'commit' });
  const first = await shown(page);
  await page.waitForLoadState('networkidle', { timeout: PATIENCE }); // the rest is kept, too
  first.visits = visits.length;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await page.reload({ waitUntil: 'commit', timeout: PATIENCE });
  return { address, first, offline: await shown(page) };
});
