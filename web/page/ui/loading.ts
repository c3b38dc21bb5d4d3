/** The bar that shows how far loading is. */
import type { Progress } from '../../src/index';
import { byId, setText } from './dom';

/** Bytes as megabytes, for people. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The share that is loaded, 0 to 1, and what to say about it. */
export function loadingState({ loaded, total }: Progress): { share: number; text: string } {
  const share = total > 0 ? Math.min(loaded / total, 1) : 0;
  if (share >= 1) return { share, text: 'Starting …' };
  return { share, text: total > 0 ? `${megabytes(loaded)} of ${megabytes(total)}` : 'Loading …' };
}

export function showProgress(progress: Progress): void {
  const { share, text } = loadingState(progress);
  const bar = byId<HTMLProgressElement>('progress');
  bar.value = share;
  setText(byId('progress-text'), text);
}

/** Remove the bar when all is ready. From now on the buttons that need the face models do something. */
export function endLoading(): void {
  byId('loading').hidden = true;
  for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-waits]')) button.disabled = false;
}
