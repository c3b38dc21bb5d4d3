/**
 * The texts of all licences, which travel with the page and with the npm package.
 */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { inPackage } from './paths.ts';

const TEXTS = {
  'MIT.txt': '../LICENSE', // this package
  'Apache-2.0.txt': '../data/detection/LICENSE-Apache-2.0.txt', // BlazeFace, LiteRT.js and parts of its binaries
  'BSD-3-XNNPACK.txt': 'build/licences/BSD-3-XNNPACK.txt', // as in TensorFlow's wheel; in LiteRT.js's binaries
  'BSD-3-Protobuf.txt': 'build/licences/BSD-3-Protobuf.txt', // likewise
  'MPL-2.0.txt': 'build/licences/MPL-2.0.txt', // Eigen, in LiteRT.js's binaries
  'MIT-ICT-FaceKit.txt': '../data/LICENSE-MIT-ICT-FaceKit.txt', // its shapes are in the networks' training data
  'CC0-1.0.txt': '../data/LICENSE-CC0-1.0.txt', // the face model, the networks
  'MIT-three.txt': 'node_modules/three/LICENSE', // the page's 3D engine
};

/** Copies the texts, and the list of what is under them, into a folder when a build ends. */
export function licences(folder: string): Plugin {
  return {
    name: 'lprnet-licences',
    apply: 'build',
    closeBundle: {
      order: 'pre',
      handler() {
        const place = inPackage(join(folder, 'licences'));
        mkdirSync(place, { recursive: true });
        for (const [name, source] of Object.entries(TEXTS)) cpSync(inPackage(source), join(place, name));
        cpSync(inPackage('THIRD-PARTY.md'), join(place, 'THIRD-PARTY.md'));
      },
    },
  };
}
