// Search for a class, or choose several values: quick with a thousand classes, by keyboard or mouse.
import type { Scalar } from '../contract';
import { type Dialog, frame } from './dialog';
import { classes, el, fill, setAttribute } from './dom';
import type { Pressed } from './keys';
import { showValue, toCount, toPercent, toText } from './value';

export interface Option {
  value: Scalar;
  share: number | null;
  note?: string;
}

export interface Choosing {
  title: string;
  options: Option[];
  /** Several values may be chosen; these are, to begin with. */
  several?: Scalar[];
  /** So many of several must be chosen; default two. */
  least?: number;
  /** A value that is no option may be typed. */
  free?: boolean;
  onChoose(values: Scalar[]): void;
  onClose(): void;
}

const SHOWN = 100;

export class Chooser implements Dialog {
  readonly node: HTMLElement;
  #choosing: Choosing;
  #input: HTMLInputElement;
  #list: HTMLElement;
  #chosen: Scalar[];
  #found: Option[] = [];
  #active = 0;
  #save: HTMLButtonElement | null = null;
  #id = `dcai-choose-${Math.floor(Math.random() * 1e9)}`;

  constructor(choosing: Choosing) {
    this.#choosing = choosing;
    this.#chosen = [...(choosing.several ?? [])];
    this.#list = el('div', {
      class: 'dcai-review-options',
      role: 'listbox',
      id: this.#id,
      'aria-label': choosing.title
    });
    setAttribute(this.#list, 'aria-multiselectable', choosing.several ? 'true' : null);
    this.#input = el('input', {
      type: 'text',
      class: 'dcai-review-input',
      role: 'combobox',
      'aria-expanded': 'true',
      'aria-controls': this.#id,
      'aria-label': choosing.title,
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: choosing.free ? 'Type a value, or part of one' : 'Type part of its name'
    });
    this.#input.addEventListener('input', () => {
      this.#active = 0;
      this.#draw();
    });
    const parts: HTMLElement[] = [this.#input, this.#list];
    if (choosing.several) {
      this.#save = el('button', { type: 'button', class: 'dcai-review-button is-main' });
      this.#save.addEventListener('click', () => this.#finish());
      parts.push(el('div', { class: 'dcai-review-dialog-actions' }, this.#save));
    }
    const hint = choosing.several
      ? 'Enter chooses or takes back · ↑ ↓ move · Ctrl+Enter saves · Esc closes'
      : 'Enter takes it · ↑ ↓ move · Esc closes';
    this.node = frame(choosing.title, hint, choosing.onClose, ...parts);
    this.#draw();
  }

  focus(): void {
    this.#input.focus();
  }

  onKey(pressed: Pressed): boolean {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[pressed.key];
    if (step) {
      this.#active = Math.min(Math.max(0, this.#active + step), Math.max(0, this.#shown.length - 1));
      this.#draw();
      return true;
    }
    if (pressed.key !== 'Enter') {
      return false;
    }
    if (pressed.ctrlKey || pressed.metaKey) {
      this.#finish();
    } else {
      this.#choose(this.#found[this.#active]);
    }
    return true;
  }

  get #least(): number {
    return this.#choosing.least ?? 2;
  }

  get #shown(): Option[] {
    return this.#found.slice(0, SHOWN);
  }

  #choose(option: Option | undefined): void {
    if (!option) {
      return;
    }
    if (!this.#choosing.several) {
      this.#choosing.onChoose([option.value]);
      return;
    }
    const there = this.#chosen.includes(option.value);
    this.#chosen = there ? this.#chosen.filter(v => v !== option.value) : [...this.#chosen, option.value];
    if (!there) {
      this.#input.value = '';
      this.#active = 0;
    }
    this.#draw();
    this.#input.focus();
  }

  #finish(): void {
    if (this.#choosing.several && this.#chosen.length >= this.#least) {
      this.#choosing.onChoose(this.#chosen);
    }
  }

  /** The options that hold the typed text; those that begin with it come first, chosen ones above all. */
  #search(): Option[] {
    const typed = this.#input.value;
    const wanted = typed.trim().toLocaleLowerCase();
    const known = this.#choosing.options;
    const extra = this.#chosen.filter(v => !known.some(o => o.value === v)).map(value => ({ value, share: null }));
    const ranked = [...extra, ...known]
      .map(option => ({ option, at: toText(option.value).toLocaleLowerCase().indexOf(wanted) }))
      .filter(found => found.at >= 0);
    const rank = (found: { option: Option; at: number }) =>
      wanted ? Math.min(found.at, 1) : this.#chosen.includes(found.option.value) ? -1 : 0;
    const options = ranked.sort((a, b) => rank(a) - rank(b)).map(found => found.option);
    const isNew = this.#choosing.free && typed !== '' && !options.some(o => toText(o.value) === typed);
    return isNew ? [...options, { value: typed, share: null, note: 'as typed' }] : options;
  }

  #draw(): void {
    this.#found = this.#search();
    const more = this.#found.length - SHOWN;
    fill(
      this.#list,
      ...this.#shown.map((option, i) => this.#drawOption(option, i)),
      more > 0 && el('p', { class: 'dcai-review-faint' }, `${more.toLocaleString('en-US')} more: type to narrow down`),
      !this.#found.length && el('p', { class: 'dcai-review-faint' }, 'Nothing has this text in its name.')
    );
    setAttribute(this.#input, 'aria-activedescendant', this.#found.length ? `${this.#id}-${this.#active}` : null);
    this.#list.querySelector('.is-active')?.scrollIntoView?.({ block: 'nearest' });
    if (this.#save) {
      const count = this.#chosen.length;
      this.#save.disabled = count < this.#least;
      this.#save.textContent =
        count < this.#least ? 'Choose at least two values' : `Save: ${toCount(count, 'value is', 'values are')} right`;
    }
  }

  #drawOption(option: Option, i: number): HTMLElement {
    const chosen = this.#chosen.includes(option.value);
    const node = el(
      'div',
      {
        id: `${this.#id}-${i}`,
        role: 'option',
        class: classes('dcai-review-option', i === this.#active && 'is-active'),
        'aria-selected': String(this.#choosing.several ? chosen : i === this.#active)
      },
      this.#choosing.several && el('span', { class: 'dcai-review-check', 'aria-hidden': 'true' }, chosen ? '✓' : ''),
      el('span', { class: 'dcai-review-option-name' }, showValue(option.value, 200)),
      option.note && el('span', { class: 'dcai-review-tag' }, showValue(option.note, 200)),
      option.share !== null && el('span', { class: 'dcai-review-share' }, toPercent(option.share))
    );
    node.addEventListener('click', () => this.#choose(option));
    return node;
  }
}
