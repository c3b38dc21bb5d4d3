/**
 * A headless Chromium for the scripts of this folder. Each takes one argument, a JSON object, and prints one.
 */
import { chromium } from 'playwright-core';

const OPTIONS = [
  '--no-sandbox', // it only opens pages of these tests, and root cannot use the sandbox
  '--disable-dev-shm-usage',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader', // WebGL without a graphics card
];

/**
 * Runs a test's function and prints what it returns. The task has `chromium`, and may have `flags` for it and options of
 * Playwright's `context`. `said` has what pages wrote to their consoles, and `requests` the
 * addresses that they asked for.
 */
export async function main(run) {
  const task = JSON.parse(process.argv[2]);
  const args = [...OPTIONS, ...(task.flags ?? [])];
  const browser = await chromium.launch({ executablePath: task.chromium, args });
  try {
    const context = await browser.newContext(task.context ?? {});
    const page = await context.newPage();
    const said = [];
    const requests = [];
    page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => said.push(`page error: ${error.message}`));
    context.on('request', (request) => requests.push(request.url()));
    const result = await run(page, task, context);
    console.log(JSON.stringify({ result, said, requests }));
  } finally {
    await browser.close();
  }
}
