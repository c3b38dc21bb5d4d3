/** What the page loads; all of it lies beside the page. */
import { PageError } from './ui/errors';

/** The folder that a tracker loads from. */
export const FILES = new URL('files/', document.baseURI).href;

/** Everything among the page's own files that is loaded when it is needed, and kept for use without a network. */
export const LATER = [
  'head.glb',
  ...['facets', 'opera', 'tiger'].flatMap((name) => [`mask-${name}.webp`, `mask-${name}-small.webp`]),
  ...['elder', 'muse', 'captain'].flatMap((name) => [`face-${name}.webp`, `face-${name}-small.webp`]),
] as const;

/** The address of one of the page's own files. */
export function assetAddress(name: string): string {
  return new URL(`page/${name}`, FILES).href;
}

/** One of the page's own files. Throws PageError `offline` where it cannot be loaded. */
export async function loadAsset(name: string): Promise<Blob> {
  try {
    const response = await fetch(assetAddress(name));
    if (response.ok) return await response.blob();
  } catch {
    // without a network
  }
  throw new PageError('offline');
}
