/** The page: static files with relative addresses, so that they can lie in any folder of a server. */
import { defineConfig } from 'vite';
import { licences } from './licences.ts';
import { ISOLATION, pageFiles, serviceWorker } from './page-files.ts';
import { define, inPackage } from './paths.ts';

export default defineConfig({
  root: inPackage('page'),
  base: './',
  publicDir: inPackage('public'),
  define,
  server: { headers: ISOLATION },
  preview: { headers: ISOLATION },
  build: { outDir: inPackage('dist/page'), emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 1024 },
  plugins: [pageFiles(), licences('dist/page'), serviceWorker(inPackage('page/service-worker.ts'))],
});
