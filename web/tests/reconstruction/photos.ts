/** Photos with what Python found in them, and the networks' answers. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ArrayFile } from '../../src/common/arrays';
import { BlazeFace } from '../../src/reconstruction/blazeface';
import { FaceDetector } from '../../src/reconstruction/detection';
import { readPackageFile } from '../read-vectors';
import { RecordedModel } from '../recorded';

const boxMap = readPackageFile('face.bin').float64('box_map');

/** Names of the photos. */
export function photoNames(): string[] {
  const names = readdirSync(fileURLToPath(new URL('../vectors', import.meta.url)));
  return names.filter((name) => name.startsWith('photo_')).map((name) => name.slice(6, -4));
}

/** A detector that answers for one photo, and its networks; `fine` is the name of the record of the fine stage. */
export function recordedDetector(
  file: ArrayFile,
  fine = 'short',
): { detector: FaceDetector; models: { back: RecordedModel; short: RecordedModel } } {
  const models = { back: new RecordedModel(file, 'back'), short: new RecordedModel(file, fine) };
  const coarse = new BlazeFace(models.back, 'back');
  return { detector: new FaceDetector(coarse, new BlazeFace(models.short, 'short'), boxMap), models };
}
