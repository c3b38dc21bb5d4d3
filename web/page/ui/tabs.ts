/** Tabs after the ARIA practices: arrow keys move and open, one tab stop. */
import type { AppStore, Tab } from '../state/state';
import { openTab } from '../state/state';

export function connectTabs(list: HTMLElement, store: AppStore): void {
  const tabs = [...list.querySelectorAll<HTMLButtonElement>('[role=tab]')];
  const tabOf = (button: HTMLElement): Tab => button.dataset.tab as Tab;
  for (const button of tabs) button.addEventListener('click', () => store.set(openTab(tabOf(button))));
  list.addEventListener('keydown', (event) => {
    const now = tabs.findIndex((button) => button === document.activeElement);
    const steps: Record<string, number> = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 };
    const next = steps[event.key];
    if (now < 0 || next === undefined) return;
    event.preventDefault();
    const button = tabs[(next + tabs.length) % tabs.length];
    button.focus();
    store.set(openTab(tabOf(button)));
  });
  store.on(['tab'], ({ tab }) => {
    for (const button of tabs) {
      const open = tabOf(button) === tab;
      button.setAttribute('aria-selected', `${open}`);
      button.tabIndex = open ? 0 : -1;
      const panel = document.getElementById(button.getAttribute('aria-controls') ?? '');
      if (panel) panel.hidden = !open;
    }
  });
}
