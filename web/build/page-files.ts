/**
 * What the page needs beside its own bundle: the folder of files, and the service worker.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { build, type Connect, type Plugin } from 'vite';
import { copyFilesTo, WASM_FOLDER } from './files.ts';
import { inPackage } from './paths.ts';

const PAGE = inPackage('dist/page');
const SHELL = /\.(html|js|css|webmanifest|svg)$/; // what the page cannot begin without
const MIME: Record<string, string> = { js: 'text/javascript', json: 'application/json', wasm: 'application/wasm' };

/** The headers by which a server makes pages cross-origin isolated. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Adds the folder of files to the page: copied into a build, answered from where they are in development. */
export function pageFiles(): Plugin {
  return {
    name: 'lprnet-page-files',
    configureServer: ({ middlewares }) => {
      middlewares.use('/files', answerFile);
    },
    closeBundle: {
      order: 'pre',
      handler() {
        if (this.meta.watchMode) return;
        copyFilesTo(join(PAGE, 'files'));
      },
    },
  };
}

/** The worker and the manifest come from `dist/files`, WASM from its package, and the rest from `public/files`. */
const answerFile: Connect.NextHandleFunction = (request, response, next) => {
  const name = (request.url ?? '').replace(/\?.*/, '').replace(/^\//, '');
  const wasm = /^wasm\/([\w.-]+)$/.exec(name);
  const path = wasm ? join(WASM_FOLDER, wasm[1]) : inPackage(`dist/files/${name}`);
  if (name.includes('..') || !existsSync(path) || !statSync(path).isFile()) {
    next();
    return;
  }
  const type = MIME[path.split('.').pop() ?? ''] ?? 'application/octet-stream';
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-cache', ...ISOLATION });
  createReadStream(path).pipe(response);
};

/** Builds the service worker after the page, with the names of the page's files and a hash of them all. */
export function serviceWorker(entry: string): Plugin {
  return {
    name: 'lprnet-service-worker',
    apply: 'build',
    closeBundle: {
      order: 'post',
      sequential: true,
      async handler() {
        const names = filesIn(PAGE).filter((name) => name !== 'service-worker.js');
        const hash = createHash('sha256');
        for (const name of names) hash.update(name).update(readFileSync(join(PAGE, name)));
        const shell = names.filter((name) => SHELL.test(name) && !name.startsWith('files/'));
        await build({
          configFile: false,
          publicDir: false,
          logLevel: 'warn',
          define: { SHELL: JSON.stringify(['./', ...shell]), BUILD: JSON.stringify(hash.digest('hex').slice(0, 16)) },
          build: {
            outDir: PAGE,
            emptyOutDir: false,
            target: 'es2022',
            lib: { entry, formats: ['iife'], name: 'lprnetServiceWorker', fileName: () => 'service-worker.js' },
          },
        });
      },
    },
  };
}

/** The paths of all files in a folder, with slashes, in a fixed order. */
function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return paths.map((path) => path.split(sep).join('/')).sort();
}
