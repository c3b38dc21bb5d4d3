/** Choices of which one holds, as radio buttons: the arrow keys move between them, screen readers know them. */
import { make } from './dom';

export interface Choice<T extends string> {
  value: T;
  label: string;
}

/**
 * Fill a place with radio buttons.
 *
 * @param place a `fieldset` with its legend
 * @param choose called when the reader chooses one
 * @returns a function that shows another one as chosen
 */
export function segments<T extends string>(
  place: HTMLElement,
  choices: readonly Choice<T>[],
  choose: (value: T) => void,
): (value: T) => void {
  const name = `choice-${place.id}`;
  const inputs = choices.map(({ value, label }) => {
    const input = make('input', { type: 'radio', name, value });
    input.addEventListener('change', () => choose(value));
    place.append(make('label', { class: 'segment' }, input, make('span', {}, label)));
    return input;
  });
  return (value) => {
    for (const input of inputs) input.checked = input.value === value;
  };
}
