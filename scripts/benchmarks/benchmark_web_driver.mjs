/**
 * Pages of a headless Chromium, told what to do line by line, so that the program that measures decides what comes when.
 *
 *     node benchmark_web_driver.mjs WEB CHROMIUM PROFILE [CLIP]
 *
 * WEB is the folder with playwright-core, PROFILE the browser's own, with its cache, and CLIP what its camera shows. Each line of the input is a JSON
 * object: `page`, a name; `open`, an address to open there, and `ready`, what is true in the page when it is ready; or
 * `call` and `given`, a function of `window.measure` and its argument; or `evaluate`, an expression. Each is answered by a line: `{value}` or `{error}`.
 * An `open` is answered with the milliseconds until it was ready, and the addresses that were asked for.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [web, executablePath, profile, clip] = process.argv.slice(2);
const { chromium } = createRequire(join(web, 'package.json'))('playwright-core');
// without a graphics card: not `--use-angle=swiftshader`, by which SwiftShader takes the place of one, and draws the page too
const OPTIONS = ['--no-sandbox', '--disable-dev-shm-usage', '--enable-unsafe-swiftshader'];
const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
if (clip) OPTIONS.push(...CAMERA, `--use-file-for-fake-video-capture=${clip}`);
const PATIENCE = 120_000; // milliseconds

const context = await chromium.launchPersistentContext(profile, { executablePath, args: OPTIONS });
const pages = new Map();
let asked = [];
context.on('request', (request) => asked.push(request.url()));

async function pageOf(name) {
  if (!pages.has(name)) pages.set(name, await context.newPage());
  return pages.get(name);
}

async function answer({ page: name, open, ready, call, given, evaluate }) {
  const page = await pageOf(name);
  if (evaluate) return page.evaluate(evaluate);
  if (!open) return page.evaluate(([word, value]) => globalThis.measure[word](value), [call, given ?? null]);
  asked = [];
  const start = performance.now();
  await page.goto(open, { waitUntil: 'commit' });
  // a page's policy may forbid what waitForFunction does; while a page is being loaded there is nothing to ask
  while (!(await page.evaluate(ready).catch(() => false))) {
    if (performance.now() - start > PATIENCE) throw new Error(`${open} is not ready after ${PATIENCE} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { milliseconds: performance.now() - start, asked };
}

for await (const line of createInterface({ input: process.stdin })) {
  let told;
  try {
    told = { value: (await answer(JSON.parse(line))) ?? null };
  } catch (error) {
    told = { error: String(error) };
  }
  console.log(JSON.stringify(told));
}
await context.close();
