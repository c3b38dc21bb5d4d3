/** Starts the page. */
import './styles/page.css';
import { createFaceTracker } from '../src/index';
import { App } from './app';
import { assetAddress, FILES, LATER } from './assets';
import { MAX_FACES } from './faces/order';
import { startServiceWorker } from './isolation';
import { acceptDrops } from './sources/drop';
import { initialState } from './state/state';
import { Store } from './state/store';
import { byId } from './ui/dom';
import { PageError } from './ui/errors';
import { connectFacePanel } from './ui/face-panel';
import { endLoading, showProgress } from './ui/loading';
import { showError, showNote } from './ui/messages';
import { SpeedPanel } from './ui/speed';
import { connectTabs } from './ui/tabs';

async function start(): Promise<void> {
  const store = new Store(initialState());
  connectTabs(byId('tabs'), store);
  connectFacePanel(store);
  let app: App | null = null;
  const early: File[] = []; // dropped before there was anything to look for faces with
  acceptDrops(document.body, (file) => {
    if (app) {
      app.take(file);
    } else if (store.get().phase === 'loading') {
      early.push(file);
      showNote(`${file.name} opens when the face models have loaded.`);
    }
  });
  try {
    if (!document.createElement('canvas').getContext('webgl2')) throw new PageError('no-webgl');
    await startServiceWorker();
    const tracker = await createFaceTracker({ files: FILES, maxFaces: MAX_FACES, onProgress: showProgress });
    const made = new App(store, tracker, new SpeedPanel());
    await made.openSample();
    store.set({ phase: 'ready' });
    endLoading();
    document.body.classList.add('ready');
    app = made;
    const dropped = early.at(-1);
    if (dropped) app.take(dropped);
    keepForLater();
  } catch (error) {
    store.set({ phase: 'failed' });
    document.body.classList.add('failed');
    showError(error);
  }
}

/** Load what is needed later, when nothing else is to be done, so that the page works without a network. */
function keepForLater(): void {
  if (!('serviceWorker' in navigator) || !navigator.serviceWorker.controller) return;
  const idle =
    'requestIdleCallback' in window ? window.requestIdleCallback : (run: () => void) => setTimeout(run, 3000);
  idle(() => {
    for (const name of LATER) void fetch(assetAddress(name)).catch(() => undefined);
  });
}

void start();
