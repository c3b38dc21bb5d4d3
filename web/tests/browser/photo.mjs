/**
 * Finds the faces in photos by the built library, in an otherwise empty page.
 *
 * The task: `chromium`, `address` of a site with `index.html`, the library's `index.js` and its folder `files`; and that of
 * `find-faces.mjs`.
 */
import { main } from './browser.mjs';
import { findFaces } from './find-faces.mjs';

await main(async (page, task) => {
  await page.goto(task.address);
  return page.evaluate(findFaces, task);
});
