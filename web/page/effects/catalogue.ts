/** The effects that the page offers. */

export type EffectKind = 'none' | 'mask' | 'glasses' | 'light' | 'swap';

export interface EffectEntry {
  /** Kind and variant. */
  id: string;
  kind: EffectKind;
  variant: string;
  label: string;
  /** A small picture of it among the page's files; those without one are drawn by the style sheet. */
  thumbnail?: string;
  /** What it paints on the face, among the page's files. */
  texture?: string;
}

const entry = (kind: EffectKind, variant: string, label: string, files: Partial<EffectEntry> = {}): EffectEntry => ({
  id: kind === 'none' ? 'none' : `${kind}:${variant}`,
  kind,
  variant,
  label,
  ...files,
});
const painted = (kind: 'mask' | 'swap', variant: string, label: string): EffectEntry => {
  const stem = kind === 'mask' ? 'mask' : 'face';
  return entry(kind, variant, label, {
    thumbnail: `${stem}-${variant}-small.webp`,
    texture: `${stem}-${variant}.webp`,
  });
};

/** The mask that the reader brings. */
export const OWN_MASK = 'mask:own';

export const EFFECTS: readonly EffectEntry[] = [
  entry('none', '', 'None'),
  painted('mask', 'facets', 'Facets'),
  painted('mask', 'opera', 'Opera'),
  painted('mask', 'tiger', 'Tiger'),
  entry('mask', 'own', 'Your own'),
  entry('glasses', 'round', 'Round'),
  entry('glasses', 'square', 'Square'),
  entry('glasses', 'sun', 'Sun'),
  entry('light', 'lamp', 'Lamp'),
  entry('light', 'sunset', 'Sunset'),
  entry('light', 'neon', 'Neon'),
  painted('swap', 'elder', 'Elder'),
  painted('swap', 'muse', 'Muse'),
  painted('swap', 'captain', 'Captain'),
];

/** Headings of the kinds, and what to know about each. */
export const KINDS: Record<Exclude<EffectKind, 'none'>, { title: string; note: string }> = {
  mask: { title: 'Masks', note: 'Painted on the skin. It moves with the face.' },
  glasses: { title: 'Glasses', note: 'The temples go behind the head.' },
  light: { title: 'Light', note: 'Drag on the picture to move the lamp, or use the sliders.' },
  swap: { title: 'Faces', note: 'Generated: nobody has this face. Tell people that the picture is edited.' },
};

export function effectEntry(id: string): EffectEntry {
  return EFFECTS.find((one) => one.id === id) ?? EFFECTS[0];
}
