// A review in a page, and a person at its keyboard: for the tests of the front end.
import widget from './index';
import { FakeModel, type FakeOptions } from './testing';

let shown: { place: HTMLElement; close(): void } | undefined;

/** Show a review in the page, with the keys on. The one that was shown before is left. */
export function open(options: FakeOptions = {}, model = new FakeModel(options)): FakeModel {
  shut();
  const place = document.createElement('div');
  document.body.append(place);
  shown = { place, close: widget.render({ model, el: place }) };
  find('.dcai-review').focus();
  return model;
}

/** Leave the review, as a cell does that is run again. */
export function shut(): void {
  shown?.close();
  shown?.place.remove();
  shown = undefined;
}

/** The element that holds the review. */
export function stage(): HTMLElement {
  return shown?.place ?? document.body;
}

export function find<E extends HTMLElement = HTMLElement>(selector: string): E {
  const node = stage().querySelector<E>(selector);
  if (!node) {
    throw new Error(`There is no ${selector} in ${stage().innerHTML}`);
  }
  return node;
}

/** Press keys one after the other where the focus is. */
export function press(...keys: string[]): void {
  for (const name of keys) {
    const [key = '', ...held] = name.split('+').reverse();
    const init = { key, ctrlKey: held.includes('Ctrl'), shiftKey: held.includes('Shift') };
    (document.activeElement ?? document.body).dispatchEvent(
      new KeyboardEvent('keydown', { ...init, bubbles: true, composed: true, cancelable: true })
    );
  }
}

export function type(selector: string, text: string): void {
  const input = find<HTMLInputElement>(selector);
  input.value = text;
  input.dispatchEvent(new Event('input', { bubbles: true }));
}

/** Let everything happen that waits for no clock. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await Promise.resolve();
  }
}
