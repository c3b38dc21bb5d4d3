#!/usr/bin/env node
/**
 * npx lprnet-files FOLDER: copies what a tracker loads (worker, networks, WASM) into a folder of a site.
 *
 * The WASM files come from the package @litertjs/core, which is installed along; their SHA-256 are compared with the
 * manifest's, because the networks were tested with this release alone.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../dist/files', import.meta.url));
const USAGE = `usage: npx lprnet-files FOLDER

Copies the files that a tracker loads into FOLDER, for example public/lprnet. Give the address of that folder to
createFaceTracker as the option \`files\`. Only files of this package in FOLDER are replaced.`;

/** Where a file of the manifest lies in the installed packages. */
function sourceOf(name) {
  if (!name.startsWith('wasm/')) return join(SOURCE, name);
  const runtime = dirname(createRequire(import.meta.url).resolve('@litertjs/core/package.json'));
  return join(runtime, name);
}

/** Copies all files; Error, before anything is written, if one is missing or is not the manifest's. */
function copyFiles(folder) {
  const list = readFileSync(join(SOURCE, 'manifest.json'), 'utf8');
  const entries = Object.entries(JSON.parse(list).files).map(([name, { sha256 }]) => {
    const path = sourceOf(name);
    if (!existsSync(path)) throw new Error(`${path} is missing: install the package again (npm install)`);
    const data = readFileSync(path);
    if (createHash('sha256').update(data).digest('hex') !== sha256) {
      throw new Error(`${path} is not the file of this release: install the package and its dependencies again`);
    }
    return [name, data];
  });
  mkdirSync(join(folder, 'wasm'), { recursive: true });
  rmSync(join(folder, 'manifest.json'), { force: true }); // it comes last: a broken copy has none
  for (const [name, data] of entries) writeFileSync(join(folder, name), data);
  cpSync(join(SOURCE, 'worker.js'), join(folder, 'worker.js'));
  writeFileSync(join(folder, 'manifest.json'), list);
  return entries.reduce((sum, [, data]) => sum + data.length, 0);
}

const words = process.argv.slice(2);
if (words.length !== 1 || words[0].startsWith('-')) {
  const asked = words[0] === '--help' || words[0] === '-h';
  (asked ? console.log : console.error)(USAGE);
  process.exit(asked ? 0 : 2);
}
try {
  const folder = resolve(words[0]);
  const bytes = copyFiles(folder);
  console.log(`${(bytes / 1e6).toFixed(1)} MB are in ${folder}; a browser loads about 14 MB of them`);
} catch (error) {
  console.error(`lprnet-files: ${error.message}`);
  process.exit(1);
}
