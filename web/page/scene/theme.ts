/** Colours of the drawings, from the page's style sheet, so that light and dark mode change both. */
import { Color } from 'three';

export interface Theme {
  accent: Color;
  ink: Color;
  ground: Color;
  dark: boolean;
}

/** Reads the colours that hold now. */
export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): Color => new Color(style.getPropertyValue(name).trim() || '#888888');
  return {
    accent: read('--accent'),
    ink: read('--ink'),
    ground: read('--stage'),
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
  };
}

/** Tell whenever the colours may have changed. */
export function onThemeChange(tell: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tell);
}

/** Whether the reader asked their system for less motion. */
export function lessMotion(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
