/** Where the builds find and put things. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The absolute path of something in the npm package. */
export const inPackage = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

const { version } = JSON.parse(readFileSync(inPackage('package.json'), 'utf8')) as { version: string };

/** The package's version, which `src/version.ts` reads: page and worker compare theirs. */
export const define = { LPRNET_VERSION: JSON.stringify(version) };
