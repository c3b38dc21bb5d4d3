/** Shows what went wrong, and short notes that go by themselves. */
import { byId, icon, make } from './dom';
import { describe, type Message } from './errors';

const NOTE_SECONDS = 5;

/** Show a message until it is closed or another one comes; a fatal one offers to load the page again. */
export function showMessage(message: Message): void {
  const place = byId('message');
  const close = make('button', { type: 'button', class: 'plain', 'aria-label': 'Close this message' }, icon('close'));
  close.addEventListener('click', hideMessage);
  const again = make('button', { type: 'button', class: 'button' }, 'Load again');
  again.addEventListener('click', () => location.reload());
  const text = make('div', { class: 'message-text' }, make('strong', {}, message.title), make('p', {}, message.text));
  place.replaceChildren(icon('alert'), text, message.fatal ? again : close);
  place.hidden = false;
}

export function hideMessage(): void {
  const place = byId('message');
  place.hidden = true;
  place.replaceChildren();
}

/** Show an error of any kind. */
export function showError(error: unknown): void {
  showMessage(describe(error));
  if (describe(error).title === 'Something went wrong') console.error(error);
}

let timer = 0;

/** Say that something was done; it goes by itself. */
export function showNote(text: string): void {
  const place = byId('note');
  place.textContent = text;
  place.classList.add('shown');
  window.clearTimeout(timer);
  timer = window.setTimeout(() => place.classList.remove('shown'), 1000 * NOTE_SECONDS);
}
