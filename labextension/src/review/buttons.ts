// The buttons under the card: every action by mouse, with its key on it, and the reason where it is not possible.
import type { Card, Scalar } from '../contract';
import { reasonsAgainst } from './choices';
import { el, fill, keycap, setAttribute } from './dom';
import { keepFocus } from './focus';
import type { ActionName } from './keys';
import { quote } from './value';

interface Made {
  node: HTMLButtonElement;
  label: HTMLElement;
  key: string;
}

const BUTTONS: [ActionName, string, string][] = [
  ['keep', 'q', 'Keep'],
  ['suggestion', 'w', 'Take suggestion'],
  ['search', '0', 'Other class …'],
  ['edit', 'Enter', 'Edit …'],
  ['exclude', 'e', 'Exclude row'],
  ['ambiguous', 'b', 'Ambiguous …'],
  ['unsure', 'n', 'Unsure'],
  ['merge', 'v', 'Spellings …']
];

export class Buttons {
  readonly node: HTMLElement;
  #made = new Map<ActionName, Made>();

  constructor(onAction: (name: ActionName) => void) {
    this.node = el('div', { class: 'dcai-review-buttons', role: 'toolbar', 'aria-label': 'Decide' });
    for (const [name, key, words] of BUTTONS) {
      const label = el('span', { class: 'dcai-review-label' }, words);
      const node = el(
        'button',
        { type: 'button', class: `dcai-review-button is-${name}`, 'aria-keyshortcuts': key },
        keycap(key),
        label
      );
      node.addEventListener('click', () => {
        if (node.getAttribute('aria-disabled') !== 'true') {
          onAction(name);
        }
      });
      this.#made.set(name, { node, label, key });
      this.node.append(node);
    }
  }

  /** Fit the words and states of the buttons to a card; null while there is none. */
  show(card: Card | null): void {
    const reasons: Partial<Record<ActionName, string>> = card ? reasonsAgainst(card) : {};
    for (const [name, { node, key }] of this.#made) {
      const reason = card ? reasons[name] : 'There is no row to decide.';
      // Disabled buttons stay in reach, so that their reason can be read.
      setAttribute(node, 'aria-disabled', reason ? 'true' : null);
      node.title = reason ?? `Key: ${key}`;
    }
    this.#word('keep', card?.finding.column != null ? `Keep ${quote(card.finding.given, 24)}` : 'Keep row');
    this.#word('suggestion', card && !reasons.suggestion ? toTakeWords(card.finding.suggested) : 'Take suggestion');
    keepFocus(() => {
      this.#hide('search', Boolean(reasons.search));
      this.#hide('merge', !card || Boolean(reasons.merge));
    });
  }

  #hide(name: ActionName, hidden: boolean): void {
    const made = this.#made.get(name);
    if (made) {
      made.node.hidden = hidden;
    }
  }

  #word(name: ActionName, words: string): void {
    const made = this.#made.get(name);
    if (made) {
      fill(made.label, words);
    }
  }
}

function toTakeWords(suggested: Scalar): string {
  return suggested === null || suggested === '' ? 'Make it empty' : `Take ${quote(suggested, 24)}`;
}
