/** The expressions that a closer look sees: of an eye with its brow and cheek, and of mouth, jaw and nose. */

const OF_AN_EYE = ['eyeBlink', 'eyeSquint', 'eyeWide', 'browDown', 'browOuterUp', 'cheekSquint'];
const OF_HALF_A_MOUTH = [
  ...['mouthDimple', 'mouthFrown', 'mouthLowerDown', 'mouthPress', 'mouthSmile', 'mouthStretch'],
  ...['mouthUpperUp', 'noseSneer'],
];
const OF_A_WHOLE_MOUTH = [
  ...['cheekPuff', 'jawForward', 'jawLeft', 'jawOpen', 'jawRight', 'mouthClose', 'mouthFunnel', 'mouthLeft'],
  ...['mouthPucker', 'mouthRight', 'mouthRollLower', 'mouthRollUpper', 'mouthShrugLower', 'mouthShrugUpper'],
];

/** Names of the right eye, the left eye and the mouth, in the order of the networks; both eyes see `browInnerUp`. */
export const REGION_EXPRESSIONS: readonly (readonly string[])[] = [
  ...['Right', 'Left'].map((side) => [...OF_AN_EYE.map((name) => name + side), 'browInnerUp']),
  [...OF_HALF_A_MOUTH.flatMap((name) => [`${name}Right`, `${name}Left`]), ...OF_A_WHOLE_MOUTH],
];

/** All 43 names, each once. */
export const SEEN_EXPRESSIONS: readonly string[] = [...new Set(REGION_EXPRESSIONS.flat())];

const PLACES = new Map(SEEN_EXPRESSIONS.map((name, k) => [name, k]));

/** The name of an expression in the mirrored face: `jawOpen` is its own, `eyeBlinkLeft` becomes `eyeBlinkRight`. */
export function otherSide(name: string): string {
  if (name.endsWith('Left')) return `${name.slice(0, -'Left'.length)}Right`;
  return name.endsWith('Right') ? `${name.slice(0, -'Right'.length)}Left` : name;
}

/**
 * Weights of {@link SEEN_EXPRESSIONS} from those of each region; NaN where no region is seen. What two regions see is
 * their mean by confidence.
 *
 * @param found the weights of the right eye, the left eye and the mouth; they are limited to 0 to 1
 * @param confidence 3, not negative
 * @returns 43
 */
export function joinRegions(found: readonly ArrayLike<number>[], confidence: ArrayLike<number>): Float64Array {
  const total = new Float64Array(PLACES.size);
  const weights = new Float64Array(PLACES.size);
  REGION_EXPRESSIONS.forEach((names, region) => {
    const sure = confidence[region];
    names.forEach((name, k) => {
      const place = PLACES.get(name) as number;
      total[place] += sure * Math.min(Math.max(found[region][k], 0), 1);
      weights[place] += sure;
    });
  });
  return total.map((value, k) => (weights[k] > 0 ? value / weights[k] : NaN));
}
