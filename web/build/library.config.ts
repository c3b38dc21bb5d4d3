/** The library: one ES module, without the worker. */
import { defineConfig } from 'vite';
import { licences } from './licences.ts';
import { define, inPackage } from './paths.ts';

export default defineConfig({
  root: inPackage('.'),
  publicDir: false,
  define,
  plugins: [licences('dist')],
  build: {
    outDir: inPackage('dist'),
    emptyOutDir: true,
    target: 'es2022',
    minify: false, // whoever bundles the library minifies it
    lib: { entry: inPackage('src/index.ts'), formats: ['es'], fileName: 'index' },
  },
});
