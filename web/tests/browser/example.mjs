/**
 * Opens a page that draws faces, waits until its title says what it found, and tells what the page looks like then.
 *
 * The task: `chromium`, `address`; `title`, a regular expression that the title matches when something is drawn; `pictures`,
 * how many pictures of the page to take, a quarter of a second apart; `flags` for Chromium.
 */
import { main } from './browser.mjs';

const PATIENCE = 120_000; // milliseconds
const PAUSE = 250;

await main(async (page, task, context) => {
  if (task.flags?.length) await context.grantPermissions(['camera'], { origin: new URL(task.address).origin });
  const stopped = new Promise((_, reject) => page.on('pageerror', (error) => reject(error)));
  await page.goto(task.address);
  const ready = page.waitForFunction((title) => RegExp(title).test(document.title), task.title, { timeout: PATIENCE });
  await Promise.race([ready, stopped]);
  const pictures = [];
  for (let k = 0; k < task.pictures; k++) {
    pictures.push((await page.locator('canvas').screenshot()).toString('base64'));
    await page.waitForTimeout(PAUSE);
  }
  return { title: await page.title(), isolated: await page.evaluate(() => crossOriginIsolated), pictures };
});
