/**
 * Finds the faces in photos by the built library, which lies beside the page. It runs in the page, and uses nothing of this
 * module but itself, because it is also sent to a page as text.
 *
 * The task: `photos`, addresses of photos; `options` of the tracker; `repeat`, how often each photo is done; or `times`,
 * milliseconds of each photo, which then are the frames of a video. Typed arrays become lists, which JSON has; it has no
 * NaN, which becomes null.
 */
export async function findFaces({ photos, options, repeat = 1, times = null }) {
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
