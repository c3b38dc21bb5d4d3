/**
 * A tour of the page for README's moving picture: the sample face from several sides, as several views, with effects,
 * and the avatar.
 *
 * The task: `chromium`; `address` of the page; `folder`, where the frames go: `NNN-CENTISECONDS.png`.
 */
import { join } from 'node:path';
import { main } from './browser.mjs';
import { drawn, openPage, openSample } from './page.mjs';

const SHORT = 12; // hundredths of a second that a frame of a movement is shown
const LONG = 90;
const WARM_UPS = 3;
const TURNS = [...Array(4).fill('ArrowLeft'), ...Array(8).fill('ArrowRight'), ...Array(4).fill('ArrowLeft')];

await main(async (page, task) => {
  let number = 0;
  const shoot = async (duration) => {
    await drawn(page);
    const name = `${String(number++).padStart(3, '0')}-${duration}.png`;
    await page.screenshot({ path: join(task.folder, name) });
  };
  const turn = async (keys) => {
    for (const key of keys) {
      await page.focus('#viewer');
      await page.keyboard.press(key);
      await page.evaluate(() => document.activeElement.blur()); // no ring around the view
      await shoot(SHORT);
    }
  };
  const choose = async (value, duration) => {
    await page.locator(`input[value="${value}"]`).check({ force: true });
    await page.waitForLoadState('networkidle');
    await page.evaluate(() => document.activeElement.blur());
    if (duration) await shoot(duration);
  };

  await openPage(page, task);
  for (let k = 0; k < WARM_UPS; k++) await openSample(page); // the first time also compiles: the page shows a usual one
  await page.mouse.move(0, 0);
  await shoot(LONG);
  await turn(TURNS);
  for (const view of ['clay', 'wireframe', 'depth', 'uv']) await choose(view, LONG);
  await choose('photo', 0);
  await page.locator('#draw-landmarks').check({ force: true });
  await shoot(LONG);
  await page.locator('#draw-landmarks').uncheck({ force: true });
  await page.click('#tab-effects');
  for (const effect of ['mask:tiger', 'glasses:round', 'light:neon']) await choose(effect, LONG);
  await choose('mask:tiger', 0);
  await turn(TURNS.slice(4, 12));
  await page.locator('#panel-effects input').first().check({ force: true }); // none
  await page.click('#tab-avatar');
  await shoot(LONG);
  return { frames: number };
});
