/**
 * The folder of files that a tracker loads: networks and arrays, which Python wrote to `public/files`, the worker, and the
 * runtime's WASM files, which come from `@litertjs/core`.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import type { Manifest } from '../src/common/assets';
import { inPackage } from './paths.ts';

export const WASM_FOLDER = inPackage('node_modules/@litertjs/core/wasm');
const WRITTEN = inPackage('public/files');
const OUT = inPackage('dist/files');

/** The runtime's files: each build has a script and a WASM file. */
export const wasmFiles = (): string[] => readdirSync(WASM_FOLDER).filter((name) => /\.(js|wasm)$/.test(name));

/**
 * Completes `dist/files` after the worker was built. The WASM files are only listed in its manifest: whoever copies the
 * folder, such as `npx lprnet-files`, takes them from `@litertjs/core`.
 */
export function filesFolder(): Plugin {
  return {
    name: 'lprnet-files',
    apply: 'build',
    closeBundle() {
      const manifest = writtenManifest();
      for (const name of Object.keys(manifest.files)) cpSync(join(WRITTEN, name), join(OUT, name));
      for (const name of wasmFiles()) {
        const data = readFileSync(join(WASM_FOLDER, name));
        const sha256 = createHash('sha256').update(data).digest('hex');
        manifest.files[`wasm/${name}`] = { bytes: data.length, sha256 };
      }
      writeFileSync(join(OUT, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
    },
  };
}

/** The manifest of what Python wrote. Error if it did not. */
function writtenManifest(): Manifest {
  const path = join(WRITTEN, 'manifest.json');
  if (!existsSync(path)) {
    throw new Error(`there is no ${path}: run python scripts/assets/build_web_files.py in the repository, or make web`);
  }
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}

/** Copies the complete folder of files, WASM too, into a folder of a built page. */
export function copyFilesTo(folder: string): void {
  mkdirSync(join(folder, 'wasm'), { recursive: true });
  cpSync(OUT, folder, { recursive: true });
  for (const name of wasmFiles()) cpSync(join(WASM_FOLDER, name), join(folder, 'wasm', name));
}
