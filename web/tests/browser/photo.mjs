/**
 * Finds the faces in photos by the built library, in an otherwise empty page.
 *
 * The task: `chromium`, `address` of a site with `index.html`, the library's `index.js` and its folder `files`; `photos`,
 * addresses of photos; `options` of the tracker; `repeat`, how often each photo is done; or `times`, milliseconds of each
 * photo, which then are the frames of a video.
 */
import { main } from './browser.mjs';

await main(async (page, task) => {
  await page.goto(task.address);
  return page.evaluate(findFaces, task);
});

/** Runs in the page. Typed arrays become lists, which JSON has; it has no NaN, which becomes null. */
async function findFaces({ photos, options, repeat = 1, times = null }) {
  const { createFaceTracker, poseMatrix } = await import(new URL('index.js', document.baseURI).href);
  const plain = (value) => {
    if (ArrayBuffer.isView(value)) return Array.from(value);
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
  };
  const heard = [];
  const start = performance.now();
  let tracker;
  try {
    tracker = await createFaceTracker({ files: 'files', onProgress: (progress) => heard.push(progress), ...options });
  } catch (error) {
    return { error: { name: error.name, code: error.code, message: error.message } };
  }
  const ready = performance.now() - start;
  const found = [];
  for (const [k, photo] of photos.entries()) {
    const image = new Image();
    image.src = photo;
    let tracking;
    const timings = [];
    for (let i = 0; i < repeat; i++) {
      tracking = await (times ? tracker.track(image, times[k]) : tracker.reconstruct(image));
      timings.push(tracking.timings);
    }
    const matrices = tracking.faces.map((face) => poseMatrix(face.pose, tracking));
    found.push(plain({ ...tracking, timings, matrices }));
  }
  const { info, mesh } = tracker;
  tracker.close();
  return { info, mesh: plain(mesh), ready, isolated: crossOriginIsolated, progress: heard.at(-1), found };
}
