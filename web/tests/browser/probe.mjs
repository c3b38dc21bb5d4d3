/**
 * The first script of a page that a test opens in a browser without a driver: it does what the test asks, as a reader would
 * by hand, and sends the test's server what came of it.
 *
 * The server has the task as `probe/task.json`: `scene`, a name of SCENES, and what the scene needs. It takes the answer at
 * `answer`: `result` of the scene, or `failure`; `said`, what the page wrote to its console as a warning or an error, and
 * its uncaught errors; `resources`, the addresses that it asked for.
 */
import { SCENES } from './scenes.js';

const said = [];

/** Errors are told wherever they come from; of a missing file, the address is told. */
function listen() {
  const { window } = globalThis;
  const text = (value) => (value instanceof Error ? (value.stack ?? value.message) : String(value));
  window.addEventListener(
    'error',
    ({ message, error, target }) => said.push(`error: ${error ? text(error) : (message ?? target.outerHTML)}`),
    true,
  );
  window.addEventListener('unhandledrejection', ({ reason }) => said.push(`unhandled: ${text(reason)}`));
  for (const kind of ['warn', 'error']) {
    const write = console[kind];
    console[kind] = (...values) => {
      said.push(`${kind}: ${values.map(text).join(' ')}`);
      write.apply(console, values);
    };
  }
}

async function answer() {
  const { fetch, location } = globalThis;
  const task = await (await fetch('/probe/task.json')).json();
  const about = { agent: navigator.userAgent, isolated: crossOriginIsolated };
  try {
    const result = await SCENES[task.scene](task);
    const resources = performance.getEntriesByType('resource').map(({ name }) => name);
    return { ...about, result, said, resources };
  } catch (error) {
    const state = globalThis.document.body?.innerText.replace(/\s+/g, ' ').slice(0, 600);
    return { ...about, failure: `${error}\n${error.stack}\n${location.href}: ${state}`, said };
  }
}

listen();
const body = JSON.stringify(await answer());
await globalThis.fetch('/answer', { method: 'POST', body });
