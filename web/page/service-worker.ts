/**
 * The page's service worker: it adds the headers of isolation to all answers, and keeps the files for use without a
 * network.
 *
 * Files are looked for among those that were kept first. A newer build of the page has another service worker, with a
 * store of its own, which takes over when no page of the older build is open any more.
 */
import { isolated } from './isolation';

/** The part of a service worker's global scope that is used here; the page's types do not know it. */
interface ServiceWorkerScope {
  addEventListener(kind: 'install' | 'activate', listener: (event: LongEvent) => void): void;
  addEventListener(kind: 'fetch', listener: (event: RequestEvent) => void): void;
  clients: { claim(): Promise<void> };
  registration: { scope: string };
}

interface LongEvent {
  waitUntil(done: Promise<unknown>): void;
}

interface RequestEvent extends LongEvent {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}

/** What the page cannot begin without, relative to this script, and a hash of the whole page; both are filled in. */
declare const SHELL: string[];
declare const BUILD: string;

const PREFIX = 'lprnet-';
const STORE = PREFIX + BUILD;
const scope = globalThis as unknown as ServiceWorkerScope;

scope.addEventListener('install', (event) => {
  // larger files are kept when they are first asked for: they need not keep the page waiting
  event.waitUntil(
    caches.open(STORE).then((store) => store.addAll(SHELL.map((name) => new Request(name, { cache: 'no-cache' })))),
  );
});

scope.addEventListener('activate', (event) => {
  event.waitUntil(removeOlder().then(() => scope.clients.claim()));
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const own = request.method === 'GET' && request.url.startsWith(scope.registration.scope);
  if (own && !request.headers.has('range')) event.respondWith(answer(event).then(isolated));
});

async function removeOlder(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== STORE).map((name) => caches.delete(name)),
  );
}

async function answer(event: RequestEvent): Promise<Response> {
  const { request } = event;
  const store = await caches.open(STORE);
  // a page asks anew for a file that does not have the SHA-256 of the manifest
  const kept = request.cache === 'reload' ? undefined : await store.match(request, { ignoreSearch: true });
  if (kept) return kept;
  const response = await fetch(request);
  if (response.status === 200)
    event.waitUntil(store.put(withoutSearch(request.url), response.clone()).catch(() => undefined));
  return response;
}

function withoutSearch(address: string): string {
  const url = new URL(address);
  url.search = '';
  return url.href;
}
