/**
 * What a reader chooses while something else is shown, or is on its way.
 *
 * The task: `chromium`; `address` of the page; `scene`, a name of SCENES; files by what they are; `folder` for what is saved.
 */
import { join } from 'node:path';
import { main } from './browser.mjs';
import { drawn, followed, openPage, openPhoto, openSample, partsOf, shownText, started } from './page.mjs';

const state = async (page) => ({
  label: await shownText(page, '#camera-label'),
  mirrored: await page.evaluate(() => document.body.classList.contains('mirrored')),
  message: await shownText(page, '#message'),
});

/** Presses a button that saves a file, and gives where it lies. */
async function saved(page, task, id) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#save-${id}`)]);
  const path = join(task.folder, download.suggestedFilename());
  await download.saveAs(path);
  return path;
}

/** Saves a file, and then presses a button that brings the sample, without a network. */
async function savedThenOffline(page, task, id, button) {
  await page.click('#tab-save');
  const path = await saved(page, task, id);
  const note = await page.locator('#note').textContent();
  await page.route('**/sample.jpg', (route) => route.abort('internetdisconnected'));
  await page.click(button);
  await page.locator('#message').waitFor();
  return { path, note, afterwards: await state(page) };
}

/** The camera runs; files that cannot be read are opened, then videos of other sizes; then the network is gone. */
async function live(page, task) {
  await openPage(page, task);
  await page.click('#camera');
  await page.waitForFunction(() => / fps/.test(document.getElementById('speed-summary').textContent));
  const answer = { broken: [], shapes: [] };
  for (const file of task.broken) {
    await page.setInputFiles('#photo-file', file);
    await page.locator('#message').waitFor();
    await followed(page, 2);
    answer.broken.push(await state(page));
  }
  const { path: picture, note, afterwards: stopped } = await savedThenOffline(page, task, 'picture', '#camera');
  Object.assign(answer, { picture, note, stopped });
  for (const file of task.videos) {
    await page.setInputFiles('#photo-file', file);
    await followed(page, 4);
    const { width, height } = await page.locator('#stage').boundingBox();
    answer.shapes.push(width / height);
  }
  answer.video = await state(page);
  return answer;
}

/** Photos one after the other: what the page tells of time, the gaze in 3D, landmarks of a large one; no network. */
async function photos(page, task) {
  await openPage(page, task, '#draw=gaze');
  const answer = { parts: await partsOf(page) };
  const viewer = async () => {
    await drawn(page);
    return (await page.locator('#viewer').screenshot()).toString('base64');
  };
  answer.views = [await viewer()];
  await openPhoto(page, task.nobody);
  await openSample(page);
  answer.views.push(await viewer());
  await page.locator('#draw-gaze').uncheck({ force: true });
  answer.views.push(await viewer());
  await openPhoto(page, task.large);
  const { path: landmarks, note, afterwards: offline } = await savedThenOffline(page, task, 'landmarks', '#sample');
  return { ...answer, landmarks, note, offline };
}

/** A mask of one's own is not brought after all; a head of one's own comes before the bundled one. */
async function own(page, task) {
  await openPage(page, task);
  await page.click('#tab-effects');
  const chosen = () => page.evaluate(() => document.querySelector('#effects-strip input:checked')?.value);
  const answer = { asked: 0, chosen: [] };
  page.on('filechooser', () => answer.asked++);
  for (let k = 0; k < 2; k++) {
    const asked = page.waitForEvent('filechooser');
    await page.click('label:has(input[value="mask:own"])');
    await asked;
    await page.evaluate(() => document.getElementById('mask-file').dispatchEvent(new globalThis.Event('cancel')));
    answer.chosen.push(await chosen());
  }
  await page.setInputFiles('#mask-file', task.letter);
  await page.locator('#message').waitFor();
  answer.refused = await shownText(page, '#message');
  answer.chosen.push(await chosen());
  await page.setInputFiles('#mask-file', task.mask);
  await page.waitForFunction(() => document.querySelector('#effects-strip input:checked')?.value === 'mask:own');
  answer.afterwards = await shownText(page, '#message');

  let arrive;
  const waiting = new Promise((resolve) => (arrive = resolve));
  await page.route('**/head.glb', async (route) => {
    await waiting;
    await route.continue();
  });
  await page.click('#tab-avatar');
  await page.setInputFiles('#avatar-file', task.model);
  await page.locator('#bundled-avatar').waitFor(); // offered beside a model of one's own
  const arrived = page.waitForResponse('**/head.glb');
  arrive();
  await (await arrived).finished();
  await drawn(page);
  await page.waitForTimeout(500);
  return { ...answer, stays: await page.locator('#bundled-avatar').isVisible() };
}

/** While the models load nothing can be pressed in vain, and a photo that is dropped is opened later. */
async function loading(page, task) {
  let arrive;
  const waiting = new Promise((resolve) => (arrive = resolve));
  await page.route('**/files/open.bin', async (route) => {
    await waiting;
    await route.continue();
  });
  await page.goto(task.address, { waitUntil: 'load' });
  const ready = () => page.evaluate(() => [...document.querySelectorAll('button[data-waits]:enabled')].length);
  const answer = { early: await ready() };
  answer.kept = await page.evaluate(drop, task.nobody);
  answer.note = await page.locator('#note').textContent();
  arrive();
  await started(page);
  await page.locator('#no-face').waitFor();
  const all = await page.locator('button[data-waits]').count();
  return { ...answer, all, later: await ready(), status: await page.locator('#status').textContent() };
}

/** Runs in the page: drops a picture. Returns whether the browser was kept from opening it in place of the page. */
async function drop(data) {
  const { DataTransfer, DragEvent, File, fetch } = globalThis;
  const blob = await (await fetch(data)).blob();
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([blob], 'nobody.png', { type: blob.type }));
  const event = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
  return event.defaultPrevented;
}

const SCENES = { live, photos, own, loading };

await main((page, task) => SCENES[task.scene](page, task));
