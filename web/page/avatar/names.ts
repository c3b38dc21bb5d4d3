/** ARKit's names of expressions in the files of others. */

/** The 52 names of ARKit. `tongueOut` is not among the weights of the tracker, but files have it. */
export const ARKIT_NAMES: readonly string[] = [
  ...['browDownLeft', 'browDownRight', 'browInnerUp', 'browOuterUpLeft', 'browOuterUpRight', 'cheekPuff'],
  ...['cheekSquintLeft', 'cheekSquintRight', 'eyeBlinkLeft', 'eyeBlinkRight', 'eyeLookDownLeft', 'eyeLookDownRight'],
  ...['eyeLookInLeft', 'eyeLookInRight', 'eyeLookOutLeft', 'eyeLookOutRight', 'eyeLookUpLeft', 'eyeLookUpRight'],
  ...['eyeSquintLeft', 'eyeSquintRight', 'eyeWideLeft', 'eyeWideRight', 'jawForward', 'jawLeft', 'jawOpen', 'jawRight'],
  ...['mouthClose', 'mouthDimpleLeft', 'mouthDimpleRight', 'mouthFrownLeft', 'mouthFrownRight', 'mouthFunnel'],
  ...['mouthLeft', 'mouthLowerDownLeft', 'mouthLowerDownRight', 'mouthPressLeft', 'mouthPressRight', 'mouthPucker'],
  ...['mouthRight', 'mouthRollLower', 'mouthRollUpper', 'mouthShrugLower', 'mouthShrugUpper', 'mouthSmileLeft'],
  ...['mouthSmileRight', 'mouthStretchLeft', 'mouthStretchRight', 'mouthUpperUpLeft', 'mouthUpperUpRight'],
  ...['noseSneerLeft', 'noseSneerRight', 'tongueOut'],
];

const BY_PLAIN_NAME = new Map(ARKIT_NAMES.map((name) => [name.toLowerCase(), name]));

/**
 * ARKit's name of a morph target, or null. Files write it in many ways: `mouthSmileLeft`, `MouthSmile_L`,
 * `head.mouth_smile_left`, `blendShape1.mouthSmile_Left`.
 */
export function arkitName(target: string): string | null {
  const own = target.split(/[.:|]/).at(-1) ?? target;
  const long = own.replace(/[_\s-]([LR])$/i, (_, side: string) => (side.toLowerCase() === 'l' ? 'Left' : 'Right'));
  return BY_PLAIN_NAME.get(long.replace(/[^a-z0-9]/gi, '').toLowerCase()) ?? null;
}

/** The part of a face that a name of ARKit is about. */
export type Region = 'Brows' | 'Eyes' | 'Cheeks and nose' | 'Jaw' | 'Mouth';
export const REGIONS: readonly Region[] = ['Brows', 'Eyes', 'Cheeks and nose', 'Jaw', 'Mouth'];

export function regionOf(name: string): Region {
  if (name.startsWith('brow')) return 'Brows';
  if (name.startsWith('eye')) return 'Eyes';
  if (name.startsWith('jaw')) return 'Jaw';
  return /^(cheek|nose)/.test(name) ? 'Cheeks and nose' : 'Mouth';
}

/** A row of bars: one weight, or that of the right and of the left side. */
export interface WeightRow {
  /** ARKit's name without its side. */
  name: string;
  region: Region;
  /** Names of the weights: right and left, or one alone. */
  weights: string[];
}

/** Rows of bars for some weights, by region; a weight whose other side is missing has a row for itself. */
export function weightRows(names: readonly string[]): WeightRow[] {
  const rows = new Map<string, WeightRow>();
  for (const name of names) {
    const sided = /^(?!mouth(?:Left|Right)$|jaw(?:Left|Right)$)(.+?)(Left|Right)$/.exec(name);
    const stem = sided ? sided[1] : name;
    const row = rows.get(stem) ?? { name: stem, region: regionOf(name), weights: [] };
    row.weights = [...row.weights, name].sort((a) => (a.endsWith('Right') ? -1 : 1));
    rows.set(stem, row);
  }
  return [...rows.values()].sort((a, b) => REGIONS.indexOf(a.region) - REGIONS.indexOf(b.region));
}
