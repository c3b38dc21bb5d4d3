/** Steps that the scripts about the built page share. */

export const PATIENCE = 90_000; // milliseconds

/** Opens the page, and waits until it shows the sample face or says that it cannot. */
export async function openPage(page, task, hash = '') {
  page.setDefaultTimeout(PATIENCE);
  await page.goto(task.address + hash, { waitUntil: 'commit' });
  await started(page);
}

/** Waits until the page shows the sample face, or says that it cannot. */
export async function started(page) {
  await page.waitForFunction(() => /\b(ready|failed)\b/.test(document.body?.className), null, { timeout: PATIENCE });
}

/** Opens a photo of this computer, and waits until its faces were looked for. */
export async function openPhoto(page, path) {
  await lookedAt(page, () => page.setInputFiles('#photo-file', path));
}

/** Opens the sample face again, and waits until it was looked at. */
export async function openSample(page) {
  await lookedAt(page, () => page.click('#sample'));
}

async function lookedAt(page, open) {
  await page.evaluate(() => (document.getElementById('status').textContent = ''));
  await open();
  await page.waitForFunction(() => document.getElementById('status').textContent !== '');
}

/** Waits until the page has drawn what it was asked to draw: until an effect's picture or the head is there, too. */
export async function drawn(page) {
  await page.waitForFunction(() => !document.querySelector('canvas[aria-busy=true]'));
  await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => globalThis.requestAnimationFrame(resolve));
    for (let k = 0; k < 3; k++) await frame();
    // without a graphics card a drawing takes longer, and is shown when it is finished
    while (document.querySelector('canvas[data-busy]')) await frame();
  });
}

/** The text of an element, without superfluous spaces; null where it is not shown. */
export async function shownText(page, selector) {
  const place = page.locator(selector);
  return (await place.isVisible()) ? (await place.innerText()).replace(/\s+/g, ' ').trim() : null;
}

/** Numbers of the speed panel by the names of its parts: milliseconds. */
export async function partsOf(page) {
  return page.evaluate(() => {
    const rows = [...document.querySelectorAll('.speed-sheet tr')];
    return Object.fromEntries(rows.map((row) => [row.cells[0].textContent, parseFloat(row.cells[1].textContent)]));
  });
}

/** Waits until a live picture was followed some times more: until the page tells new times. */
export async function followed(page, times) {
  for (let k = 0; k < times; k++) {
    const before = await page.locator('#speed-rows').textContent();
    await page.waitForFunction((old) => document.getElementById('speed-rows').textContent !== old, before);
  }
}

/** Waits until the 3D view was drawn anew: until the page tells another time for it. */
export async function drawnInSpace(page) {
  const before = (await partsOf(page))['Draw in 3D'];
  await page.waitForFunction((old) => {
    const rows = [...document.querySelectorAll('.speed-sheet tr')];
    const row = rows.find((one) => one.cells[0].textContent === 'Draw in 3D');
    return parseFloat(row?.cells[1].textContent) !== old;
  }, before);
}
