/**
 * Whether everybody can use the built page: what axe-core finds, and where the keyboard gets.
 *
 * The task: `chromium`; `address` of the page; `scene`, `axe` or `keyboard`.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { main } from './browser.mjs';
import { drawn, openPage } from './page.mjs';

const TABS = ['face', 'effects', 'avatar', 'save'];
const MOST = 120; // presses of the Tab key

/** Violations in each tab, with a message, and with the sheet of times open. */
async function axe(page, task) {
  await openPage(page, task);
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  const found = {};
  const check = async (state) => {
    await drawn(page);
    found[state] = await page.evaluate(async () => {
      const { violations, passes } = await globalThis.axe.run();
      const nodes = ({ id, nodes: all }) =>
        all.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary}`);
      return { violations: violations.flatMap(nodes), passes: passes.length };
    });
  };
  for (const tab of TABS) {
    await page.click(`#tab-${tab}`);
    await check(tab);
  }
  await page.click('#tab-effects');
  await page.locator('input[value="mask:tiger"]').check({ force: true });
  await check('mask');
  await page.click('.speed summary');
  await check('speed');
  await page.click('.speed summary');
  await page.click('#camera');
  await page.locator('#message').waitFor();
  await check('message');
  return found;
}

/** Presses Tab through the whole page in each tab of the tools, and uses what can be used by keys. */
async function keyboard(page, task) {
  await openPage(page, task);
  const answer = { missed: {}, unmarked: [] };
  for (const [k, tab] of TABS.entries()) {
    if (k) {
      await page.focus(`#tab-${TABS[k - 1]}`);
      await page.keyboard.press('ArrowRight');
    }
    await drawn(page);
    const reached = await walk(page);
    const keys = reached.map(({ key }) => key);
    answer.missed[tab] = await page.evaluate(notReached, keys);
    if (!k) answer.order = keys;
    answer.unmarked.push(...reached.filter(({ marked }) => !marked).map(({ key }) => key));
  }
  await page.focus('#tab-save');
  await page.keyboard.press('Home');
  answer.home = await page.evaluate(() => document.activeElement.id);
  await page.focus('#views input:checked');
  await page.keyboard.press('ArrowRight');
  answer.view = await page.evaluate(() => document.querySelector('#views input:checked').value);
  const before = await page.locator('#viewer').screenshot();
  await page.focus('#viewer');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await page.waitForTimeout(800);
  await page.evaluate(() => document.activeElement.blur());
  answer.turned = !before.equals(await page.locator('#viewer').screenshot());
  await page.focus('.speed summary');
  await page.keyboard.press('Enter');
  answer.speed = await page.locator('.speed-sheet').isVisible();
  return answer;
}

/** What the Tab key comes to, once round the page, and whether one sees where one is. */
async function walk(page) {
  const reached = [];
  for (let k = 0; k < MOST; k++) {
    await page.keyboard.press('Tab');
    const now = await page.evaluate(whatIsFocused);
    if (!now) continue; // between the last control and the first
    if (reached.some(({ key }) => key === now.key)) break;
    reached.push(now);
  }
  return reached;
}

/** Runs in the page. */
function whatIsFocused() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const key = element.id || `${element.tagName.toLowerCase()}[${element.name ?? element.className}]`;
  const drawn = [element, element.nextElementSibling, element.closest('label')].filter(Boolean);
  const marked = drawn.some((one) => {
    const style = globalThis.getComputedStyle(one);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  });
  return { key, marked: marked || element.matches('.skip') };
}

/** Runs in the page: controls that are seen and were not reached; of radio buttons and tabs one is reached for all. */
function notReached(keys) {
  const controls = [...document.querySelectorAll('button, input, summary, a[href], [tabindex="0"]')];
  return controls
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled)
    .filter((element) => !element.matches('[role=tab]:not([aria-selected=true])'))
    .map((element) => element.id || `${element.tagName.toLowerCase()}[${element.name ?? element.className}]`)
    .filter((key) => !keys.includes(key));
}

const SCENES = { axe, keyboard };

await main((page, task) => SCENES[task.scene](page, task));
