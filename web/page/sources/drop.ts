/** Files that are dropped anywhere on the page, or pasted. */

/**
 * @param target what shows that a file would be taken, by the class `dropping`
 * @param take called with the first file
 */
export function acceptDrops(target: HTMLElement, take: (file: File) => void): void {
  let depth = 0; // enter and leave come from every element under the pointer
  const show = (): void => void target.classList.toggle('dropping', depth > 0);
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  window.addEventListener('dragenter', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth += 1;
    show();
  });
  window.addEventListener('dragover', (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  window.addEventListener('dragleave', (event) => {
    if (!holdsFiles(event)) return;
    depth = Math.max(depth - 1, 0);
    show();
  });
  window.addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
  window.addEventListener('paste', (event) => {
    const file = event.clipboardData?.files[0];
    if (file) take(file);
  });
}
