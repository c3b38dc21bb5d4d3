/** The faces at which Python looked closer. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const OTHER = ['regions', 'parts', 'made']; // files of vectors that are no faces

/** Their names; `look_NAME.bin` has what Python saw. */
export function lookNames(): string[] {
  const files = readdirSync(fileURLToPath(new URL('../vectors', import.meta.url)));
  const names = files
    .filter((file) => file.startsWith('look_'))
    .map((file) => file.slice('look_'.length, -'.bin'.length));
  return names.filter((name) => !OTHER.includes(name));
}
