/**
 * What a reader of the built page meets: a camera, no camera, photos of one, two or no faces, damaged files, a phone,
 * screens of other widths. What is chosen while something else is shown or on its way is in `choices.mjs`.
 *
 * The task: `chromium`; `address` of the page; `scene`, a name of SCENES; `photo`, a file to be opened; `folder` for
 * pictures of what is shown.
 */
import { join } from 'node:path';
import { main } from './browser.mjs';
import { drawn, drawnInSpace, followed, openPage, openPhoto, partsOf, shownText } from './page.mjs';

const EFFECTS = [
  ...['mask:facets', 'mask:opera', 'mask:tiger', 'glasses:round', 'glasses:square', 'glasses:sun'],
  ...['light:lamp', 'light:sunset', 'light:neon', 'swap:elder', 'swap:muse', 'swap:captain'],
];
const VIEWS = ['photo', 'clay', 'wireframe', 'landmarks', 'depth', 'uv'];
const SAVES = ['glb', 'picture', 'view', 'texture', 'landmarks', 'weights'];

const picture = async (page, selector, task, name) => {
  await page.locator(selector).screenshot({ path: join(task.folder, `${name}.png`) });
};

/** Chooses what a label says: the box or button itself is drawn by its label. */
const choose = (page, value) => page.locator(`input[value="${value}"]`).check({ force: true });

/** A face moves before the camera: it is followed, and drawn. */
async function camera(page, task) {
  await openPage(page, task, '#draw=landmarks');
  await page.click('#camera');
  await page.waitForFunction(() => /[1-9].* fps/.test(document.getElementById('speed-summary').textContent));
  await followed(page, 12);
  await drawnInSpace(page);
  const answer = {
    rate: await shownText(page, '#speed-summary'),
    parts: await partsOf(page),
    runtime: await page.locator('#speed-runtime').textContent(),
    status: await page.locator('#status').textContent(),
    noFace: await page.locator('#no-face').isVisible(),
    label: await shownText(page, '#camera-label'),
  };
  const { width, height } = page.viewportSize();
  for (let k = 0; k < 4; k++) {
    await page.screenshot({ path: join(task.folder, `camera-${k}.png`), clip: { x: 0, y: 0, width, height } });
    await followed(page, 2);
    await drawnInSpace(page); // without a graphics card it is drawn less often
  }
  const box = async (selector) => page.locator(selector).boundingBox();
  Object.assign(answer, { stage: await box('#stage'), viewer: await box('#viewer') });
  await page.click('#tab-avatar');
  await page.click('#record');
  await followed(page, 4);
  await page.click('#record');
  await page.locator('#take-csv').waitFor();
  const files = [];
  for (const kind of ['csv', 'glb']) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#take-${kind}`)]);
    await download.saveAs(join(task.folder, download.suggestedFilename()));
    files.push(download.suggestedFilename());
  }
  await page.click('#camera'); // the sample comes back
  await page.waitForFunction(() => / ms$/.test(document.getElementById('speed-summary').textContent));
  return { ...answer, files, after: await shownText(page, '#camera-label') };
}

/** The camera is asked for, and does not come. */
async function withoutCamera(page, task) {
  await openPage(page, task);
  await page.click('#camera');
  await page.locator('#message').waitFor();
  const message = await shownText(page, '#message');
  const button = await shownText(page, '#camera-label');
  await page.click('#message button');
  const closed = await page.locator('#message').isHidden();
  return { message, button, closed, status: await page.locator('#status').textContent() };
}

/** A photo is opened. */
async function photo(page, task) {
  await openPage(page, task, '#view=landmarks');
  await openPhoto(page, task.photo);
  await drawn(page);
  const chips = page.locator('.chip:visible');
  const answer = {
    status: await page.locator('#status').textContent(),
    noFace: await shownText(page, '#no-face'),
    message: await shownText(page, '#message'),
    chips: await chips.allInnerTexts(),
    pressed: [],
  };
  for (let k = 0; k < answer.chips.length; k++) {
    await chips.nth(k).click();
    await drawn(page);
    answer.pressed.push(await chips.evaluateAll((all) => all.map((chip) => chip.getAttribute('aria-pressed'))));
    await picture(page, '#viewer', task, `face-${k}`);
  }
  answer.boxes = await chips.evaluateAll((all) =>
    all.map((chip) => {
      const [box, stage] = [chip.getBoundingClientRect(), document.getElementById('stage').getBoundingClientRect()];
      return (box.x + box.width / 2 - stage.x) / stage.width;
    }),
  );
  if (!answer.noFace) return answer;
  await page.click('#tab-save');
  await page.click('#save-glb');
  return { ...answer, note: await page.locator('#note').textContent() };
}

/** A file is opened that is no photo. */
async function notAPicture(page, task) {
  await openPage(page, task);
  await page.setInputFiles('#photo-file', task.photo);
  await page.locator('#message').waitFor();
  return { message: await shownText(page, '#message'), status: await page.locator('#status').textContent() };
}

/** The page cannot start. */
async function broken(page, task) {
  await openPage(page, task);
  return { state: await page.evaluate(() => document.body.className), message: await shownText(page, '#message') };
}

/** Everything on a phone's screen, in all tabs. */
async function phone(page, task) {
  await openPage(page, task);
  const tabs = {};
  for (const tab of ['face', 'effects', 'avatar', 'save']) {
    await page.click(`#tab-${tab}`);
    await drawn(page);
    await page.screenshot({ path: join(task.folder, `phone-${tab}.png`) });
    tabs[tab] = await page.evaluate(whatIsTooWide);
  }
  const box = async (selector) => page.locator(selector).boundingBox();
  return { tabs, stage: await box('#stage-box'), viewer: await box('#viewer'), dock: await box('#dock') };
}

/** Runs in the page: what reaches over the screen's edge and cannot be scrolled to inside a strip, and small targets. */
function whatIsTooWide() {
  const { clientWidth: width, scrollWidth } = document.documentElement;
  const name = (element) => `${element.tagName.toLowerCase()}#${element.id}.${element.className}`;
  const strips = (element) => element.closest('.strip, .bars, .panel-save, .tabs, svg, .visually-hidden, .skip');
  const seen = [...document.querySelectorAll('body *')].filter((element) => element.checkVisibility());
  const wide = seen.filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return !strips(element) && right > left && (left < -0.5 || right > width + 0.5);
  });
  const small = seen.filter((element) => {
    const { width: w, height: h } = element.getBoundingClientRect();
    return element.matches('button, summary') && Math.min(w, h) < 24;
  });
  return { width, scrollWidth, wide: wide.map(name), small: small.map(name) };
}

/** Screens of many widths: what reaches out of its card, or is squeezed. */
async function widths(page, task) {
  await openPage(page, task);
  const found = {};
  for (const [width, height] of task.screens) {
    await page.setViewportSize({ width, height });
    for (const tab of ['face', 'avatar']) {
      await page.click(`#tab-${tab}`);
      const bars = await page.evaluate(whatIsOutside);
      found[`${tab} at ${width} x ${height}`] = { ...(await page.evaluate(whatIsTooWide)), ...bars };
    }
  }
  return found;
}

/** Runs in the page: controls that reach out of their card or are cut off, and switches that are no longer long. */
function whatIsOutside() {
  const seen = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  const outside = seen('.bar button, .bar .segment, .switch').filter((element) => {
    const [own, card] = [element, element.closest('.card')].map((one) => one.getBoundingClientRect());
    const cut = element.scrollWidth > element.clientWidth + 1;
    return (
      cut || own.left < card.left || own.right > card.right || (element.closest('.bar') && own.bottom > card.bottom)
    );
  });
  const squeezed = seen('.switch input').filter((element) => element.offsetWidth < 1.5 * element.offsetHeight);
  return { outside: outside.map(({ textContent }) => textContent.trim()), squeezed: squeezed.map(({ id }) => id) };
}

/** All views, effects and files that can be saved. */
async function everything(page, task) {
  await openPage(page, task);
  for (const view of VIEWS) {
    await choose(page, view);
    await drawn(page);
    await picture(page, '#viewer', task, `view-${view}`);
  }
  await page.click('#tab-effects');
  await picture(page, '#stage', task, 'effect-none');
  for (const effect of EFFECTS) {
    await choose(page, effect);
    await drawn(page);
    await picture(page, '#stage', task, `effect-${effect.replace(':', '-')}`);
  }
  await page.click('#tab-avatar');
  await drawn(page);
  await picture(page, '#viewer', task, 'view-avatar');
  const bars = await page.evaluate(() =>
    [...document.querySelectorAll('[role=meter]')].map((bar) => [
      bar.getAttribute('aria-label'),
      Number(bar.getAttribute('aria-valuenow')) / 100,
    ]),
  );
  await page.click('#tab-save');
  const files = {};
  for (const id of SAVES) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#save-${id}`)]);
    files[id] = download.suggestedFilename();
    await download.saveAs(join(task.folder, files[id]));
  }
  return {
    views: VIEWS,
    effects: EFFECTS,
    files,
    bars: Object.fromEntries(bars),
    message: await shownText(page, '#message'),
  };
}

const SCENES = { camera, withoutCamera, photo, notAPicture, broken, phone, widths, everything };

await main((page, task) => SCENES[task.scene](page, task));
