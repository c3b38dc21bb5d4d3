/**
 * Threads share memory only in a cross-origin isolated page: one whose server says that it embeds nothing of others that
 * did not agree. Static hosts cannot say it, so the page's service worker adds the headers (`service-worker.ts`). The same
 * worker keeps the files for use without a network.
 */

const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
const RELOADED = 'lprnet-isolation-reloaded'; // in the session's storage
const PATIENCE_MS = 5000;

/** The same answer of a server, with the headers of isolation. For a service worker. */
export function isolated(response: Response): Response {
  if (response.type === 'error' || response.type === 'opaque' || response.type === 'opaqueredirect') return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

/**
 * Registers the page's service worker, and waits until it answers the page's requests. To be called before a tracker is
 * made, so that the worker sees its files too.
 *
 * Where the page is not isolated yet, it is loaded once more, through the service worker, and this never returns. On this
 * computer's own addresses (`lprnet serve`) an isolated page registers none: a service worker would stay behind and answer
 * for whatever else is served at the same port one day.
 *
 * @param address of the script, relative to the page
 */
export async function startServiceWorker(address = 'service-worker.js'): Promise<void> {
  if (!('serviceWorker' in navigator) || !isSecureContext) return;
  if (crossOriginIsolated && LOOPBACK.includes(location.hostname)) return;
  try {
    await navigator.serviceWorker.register(address);
    await Promise.race([controlled(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  } catch (error) {
    console.warn(
      `Without a service worker, which cannot be registered (${String(error)}): one thread, no offline use.`,
    );
    return;
  }
  if (crossOriginIsolated || !navigator.serviceWorker.controller) return;
  if (sessionStorage.getItem(RELOADED)) return; // the headers have no effect in this browser, so one thread must do
  sessionStorage.setItem(RELOADED, 'yes');
  location.reload();
  await new Promise(() => undefined);
}

/** Resolves when a service worker answers this page's requests. */
async function controlled(): Promise<void> {
  if (navigator.serviceWorker.controller) return;
  await new Promise((resolve) => {
    navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
  });
}
