// Above the queue: the ways to filter it and to go somewhere in it, and what of it is shown.
import type { Filter } from '../contract';
import { el, fill, keycap } from './dom';
import { toWords } from './filter';
import { keepFocus } from './focus';
import type { ActionName } from './keys';
import { toCount } from './value';

export class Bar {
  readonly node: HTMLElement;
  #shown = el('div', { class: 'dcai-review-shown', hidden: true });
  #words = el('span', { role: 'status' });

  constructor(onAction: (name: ActionName) => void, onAll: () => void) {
    const button = (name: ActionName, key: string, words: string) => {
      const node = el(
        'button',
        { type: 'button', class: 'dcai-review-button is-quiet', 'aria-keyshortcuts': key },
        keycap(key),
        words
      );
      node.addEventListener('click', () => onAction(name));
      return node;
    };
    const all = el('button', { type: 'button', class: 'dcai-review-button is-quiet' }, 'Show all');
    all.addEventListener('click', onAll);
    this.#shown.append(this.#words, all);
    this.node = el(
      'div',
      { class: 'dcai-review-sieve', role: 'toolbar', 'aria-label': 'The queue' },
      el(
        'div',
        {},
        el('span', { class: 'dcai-review-pair' }, button('filter', 'f', 'Filter …'), button('jump', 'g', 'Go to …')),
        el('span', { class: 'dcai-review-pair' }, button('previous', 'k', 'Previous'), button('next', 'j', 'Next'))
      ),
      this.#shown
    );
  }

  /** Say what is shown; null is the whole queue, worst first. */
  show(filter: Filter | null, total: number, titles: Map<string, string>): void {
    keepFocus(() => {
      this.#shown.hidden = !filter;
    });
    fill(this.#words, filter ? `${toCount(total, 'finding')}: ${toWords(filter, titles)}` : '');
  }
}
