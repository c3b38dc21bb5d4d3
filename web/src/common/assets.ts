/**
 * The package's files: the manifest that lists them, and their way from the server into memory, checked.
 */
import { FaceError, type Progress } from '../types.js';

/** What the manifest knows of a file. */
export interface FileEntry {
  bytes: number;
  /** 64 hexadecimal digits. */
  sha256: string;
}

/** The content of `manifest.json`. */
export interface Manifest {
  /** Of the package that wrote the files. */
  version: string;
  /** By their path from the manifest. */
  files: Record<string, FileEntry>;
}

/** The part of `fetch` that this module uses; tests have their own. */
export type Fetch = (address: string, init: RequestInit) => Promise<Response>;

export const MANIFEST_NAME = 'manifest.json';
const REMEDY = 'The folder is written by "npx lprnet-files FOLDER"; the option `files` has its address.';

/**
 * The address of a folder, with a slash at its end, from what the page calls it.
 *
 * @param files as in the options of a tracker; relative to the page
 * @param base the page's own address
 */
export function folderAddress(files: string | URL, base: string): string {
  let address: URL;
  try {
    address = new URL(files, base);
  } catch {
    throw new FaceError('load', `${JSON.stringify(String(files))} is no address of a folder. ${REMEDY}`);
  }
  if (!address.pathname.endsWith('/')) address.pathname += '/';
  address.hash = '';
  return address.href;
}

/** The address of a file in a folder; what follows a `?` in the folder's address stays at the end. */
export function fileAddress(folder: string, name: string): string {
  const address = new URL(folder);
  address.pathname += name;
  return address.href;
}

/**
 * Fetches the manifest of a folder.
 *
 * FaceError `load` if it cannot be reached, or is none: servers of single-page sites answer every address with a page.
 */
export async function readManifest(folder: string, fetcher: Fetch = fetch): Promise<Manifest> {
  const address = fileAddress(folder, MANIFEST_NAME);
  // a browser asks whether its own copy is still the newest: all other files are checked against this one
  const response = await request(address, { cache: 'no-cache' }, fetcher);
  let content: unknown;
  try {
    content = await response.json();
  } catch {
    content = null;
  }
  if (!isManifest(content)) throw new FaceError('load', `${address} is no list of this package's files. ${REMEDY}`);
  return content;
}

function isManifest(content: unknown): content is Manifest {
  if (typeof content !== 'object' || content === null) return false;
  const { version, files } = content as Partial<Manifest>;
  if (typeof version !== 'string' || typeof files !== 'object' || files === null) return false;
  return Object.values(files).every((entry) => Number.isInteger(entry?.bytes) && /^[0-9a-f]{64}$/.test(entry?.sha256));
}

/**
 * Fetches files, all at once, and compares them with the manifest.
 *
 * A copy in the browser's cache that does not fit the manifest is fetched anew, once. SHA-256 can be computed only
 * where the page comes by https or from this computer (`crypto.subtle`); elsewhere only the sizes are compared.
 *
 * @param folder address of the folder, with a slash at its end
 * @param names paths of the files in it
 * @param onProgress called whenever bytes arrive, with the sum over all files
 * @returns the files by their names
 *
 * FaceError `load` if a file is missing or cannot be reached, `damaged` if it is not the one of the manifest.
 */
export async function loadFiles(
  folder: string,
  names: string[],
  manifest: Manifest,
  onProgress: (progress: Progress) => void = () => undefined,
  fetcher: Fetch = fetch,
): Promise<Map<string, ArrayBuffer>> {
  for (const name of names) {
    if (!(name in manifest.files)) {
      throw new FaceError('load', `${fileAddress(folder, MANIFEST_NAME)} does not list ${name}. ${REMEDY}`);
    }
  }
  const total = names.reduce((sum, name) => sum + manifest.files[name].bytes, 0);
  const stop = new AbortController();
  let loaded = 0;
  const one = async (name: string): Promise<[string, ArrayBuffer]> => {
    const entry = manifest.files[name];
    const address = fileAddress(folder, name);
    for (const cache of ['default', 'reload'] as const) {
      let arrived = 0;
      const response = await request(address, { cache, signal: stop.signal }, fetcher);
      const data = await readBody(response, address, entry.bytes, (bytes) => {
        arrived += bytes;
        loaded += bytes;
        onProgress({ loaded: Math.min(loaded, total), total, file: name });
      });
      if (data && (await isIntact(data, entry))) return [name, data];
      loaded -= arrived;
    }
    throw new FaceError(
      'damaged',
      `${address} is damaged: it is not the file of ${entry.bytes} bytes that ${MANIFEST_NAME} lists. Load the page ` +
        `again; if that does not help, copy all files anew. ${REMEDY}`,
    );
  };
  try {
    return new Map(await Promise.all(names.map(one)));
  } catch (error) {
    stop.abort(); // the others need not arrive
    throw error;
  }
}

async function request(address: string, init: RequestInit, fetcher: Fetch): Promise<Response> {
  let response: Response;
  try {
    response = await fetcher(address, init);
  } catch (error) {
    throw new FaceError('load', `${address} cannot be reached (${String(error)}). Is there a network?`);
  }
  if (!response.ok) {
    throw new FaceError('load', `${address} is not there (the server answers ${response.status}). ${REMEDY}`);
  }
  return response;
}

/** The bytes of an answer, or null if there are more or fewer than expected; `onBytes` hears of each part. */
async function readBody(
  response: Response,
  address: string,
  expected: number,
  onBytes: (bytes: number) => void,
): Promise<ArrayBuffer | null> {
  if (!response.body) return null;
  const data = allocate(expected);
  const reader = response.body.getReader();
  let size = 0;
  for (;;) {
    let part: Uint8Array | undefined;
    try {
      part = (await reader.read()).value;
    } catch (error) {
      throw new FaceError('load', `${address} stopped half way (${String(error)}). Load the page again.`);
    }
    if (!part) return size === expected ? data.buffer : null;
    if (size + part.length > expected) {
      await reader.cancel();
      return null;
    }
    data.set(part, size);
    size += part.length;
    onBytes(part.length);
  }
}

function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch {
    throw new FaceError('memory', `There is no memory for a file of ${bytes} bytes. Close other pages and try again.`);
  }
}

async function isIntact(data: ArrayBuffer, entry: FileEntry): Promise<boolean> {
  // absent where a page comes by http from another computer; browsers give such a page no camera either
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle as SubtleCrypto | undefined;
  if (!subtle) return true;
  const digest = new Uint8Array(await subtle.digest('SHA-256', data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('') === entry.sha256;
}
