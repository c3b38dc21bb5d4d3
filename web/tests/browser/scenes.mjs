/** What a reader of the built page does in browsers without a driver. All of it runs in the page, by `probe.mjs`. */
import { findFaces } from './find-faces.js';

const PATIENCE = 300_000; // milliseconds
const PAUSE = 40;
const byId = (id) => document.getElementById(id);
const shown = (id) => (byId(id).checkVisibility() ? byId(id).innerText.replace(/\s+/g, ' ').trim() : null);

/** Waits until a function gives something. */
async function until(what, test) {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const value = test();
    if (value) return value;
    if (performance.now() > end) throw new Error(`it never came: ${what}`);
    await new Promise((resolve) => globalThis.setTimeout(resolve, PAUSE));
  }
}

/** Waits until the page shows the sample face, or says that it cannot; tells which. */
async function started() {
  const [state] = await until('the sample face', () => /\b(ready|failed)\b/.exec(document.body?.className ?? ''));
  return state;
}

/** Presses a button that saves a file, and gives the file's bytes instead, in base64. */
async function saved(button) {
  const { HTMLAnchorElement, FileReader, fetch } = globalThis;
  const { click } = HTMLAnchorElement.prototype;
  try {
    const link = await new Promise((resolve) => {
      HTMLAnchorElement.prototype.click = function () {
        resolve(this);
      };
      byId(button).click();
    });
    const reader = new FileReader();
    reader.readAsDataURL(await (await fetch(link.href)).blob());
    await until(`the file of ${button}`, () => reader.result);
    return { name: link.download, data: reader.result.split(',')[1] };
  } finally {
    HTMLAnchorElement.prototype.click = click;
  }
}

/** Chooses a file, as its dialogue does. */
function choose(blob, name) {
  const { DataTransfer, File, Event } = globalThis;
  const transfer = new DataTransfer();
  transfer.items.add(new File([blob], name, { type: blob.type }));
  byId('photo-file').files = transfer.files;
  byId('photo-file').dispatchEvent(new Event('change', { bubbles: true }));
}

const said = () => ({ status: byId('status').textContent, message: shown('message') });

/** The page shows the sample face, or says that it cannot. */
async function arrival() {
  const state = await started();
  return { state, runtime: byId('speed-runtime').textContent, cores: navigator.hardwareConcurrency, ...said() };
}

/** The sample face, with its landmarks (`#draw=landmarks`): the picture, the 3D view and the landmarks as they are saved. */
async function sample() {
  const result = await arrival();
  const files = {};
  if (result.state === 'ready') {
    for (const kind of ['picture', 'view', 'landmarks']) files[kind] = await saved(`save-${kind}`);
  }
  return { ...result, files };
}

/** The pixels of a photo over white as this browser blends them, row by row, 4 bytes each, in base64. */
async function pixels(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.fillStyle = 'white';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return globalThis.btoa(Array.from(data, (value) => String.fromCharCode(value)).join(''));
}

/** The package finds the faces in photos, in an otherwise empty page; `read` is the one whose pixels are told. */
async function library(task) {
  return { ...(await findFaces(task)), pixels: await pixels(task.read) };
}

/** Photos are opened, one after the other: what is said, and the landmarks as they are saved; `read` is as above. */
async function photos({ photos: addresses, read }) {
  await started();
  const found = [];
  for (const address of addresses) {
    byId('status').textContent = '';
    choose(await (await globalThis.fetch(address)).blob(), address);
    await until(`faces of ${address}`, () => byId('status').textContent || shown('message'));
    const noFace = shown('no-face');
    found.push({ ...said(), noFace, landmarks: noFace ? null : (await saved('save-landmarks')).data });
  }
  return { found, pixels: await pixels(read) };
}

/** The camera is asked for where there is none, then a file is opened that is no picture: both are said. */
async function fallbacks() {
  await started();
  byId('camera').click();
  await until('a message about the camera', () => shown('message'));
  const camera = { ...said(), button: shown('camera-label') };
  byId('message').querySelector('button').click();
  const closed = shown('message') === null;
  choose(new globalThis.Blob(['This is a letter.'], { type: 'image/jpeg' }), 'letter.jpg');
  await until('a message about the file', () => shown('message'));
  return { camera, closed, letter: said() };
}

/** The page and a worker ask another server, and a script is loaded from it. */
async function foreign({ other }) {
  const { fetch, Worker } = globalThis;
  const script = document.createElement('script');
  script.src = `${other}script.js`;
  document.head.append(script);
  const worker = new Worker('/probe/asks.js');
  const answered = new Promise((resolve) => worker.addEventListener('message', ({ data }) => resolve(data)));
  worker.postMessage(`${other}worker.json`);
  const page = await fetch(`${other}page.json`).then(
    () => 'answered',
    () => 'refused',
  );
  return { page, worker: await answered };
}

export const SCENES = { library, arrival, sample, photos, fallbacks, foreign };
