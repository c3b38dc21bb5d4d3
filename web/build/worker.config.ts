/** The worker: one classic script, because the runtime loads its own by `importScripts`; and the folder of all files. */
import { defineConfig } from 'vite';
import { filesFolder } from './files.ts';
import { define, inPackage } from './paths.ts';

export default defineConfig({
  root: inPackage('.'),
  publicDir: false,
  define,
  build: {
    outDir: inPackage('dist/files'),
    emptyOutDir: true,
    target: 'es2022',
    lib: { entry: inPackage('src/runtime/worker.ts'), formats: ['iife'], name: 'lprnet', fileName: () => 'worker.js' },
  },
  plugins: [filesFolder()],
});
