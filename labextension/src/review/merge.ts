// The dialog for spellings of one value: which one stays, which become it, and which are values of their own.
import type { Cluster, Scalar } from '../contract';
import { type Dialog, frame } from './dialog';
import { classes, el, fill, keycap, setAttribute } from './dom';
import type { Pressed } from './keys';
import { quote, showText, showValue, toCount, toLine, toText } from './value';

export interface Merging {
  cluster: Cluster;
  onMerge(keep: Scalar, others: Scalar[]): void;
  onClose(): void;
}

export class Merge implements Dialog {
  readonly node: HTMLElement;
  #merging: Merging;
  #list: HTMLElement;
  #typed: HTMLInputElement;
  #save = el('button', { type: 'button', class: 'dcai-review-button is-main' });
  #keep: Scalar;
  #apart = new Set<Scalar>();
  #active = 0;
  #id = `dcai-merge-${Math.floor(Math.random() * 1e9)}`;

  constructor(merging: Merging) {
    this.#merging = merging;
    this.#keep = merging.cluster.keep;
    this.#list = el('div', {
      class: 'dcai-review-options is-short',
      role: 'listbox',
      tabindex: 0,
      'aria-multiselectable': 'true',
      'aria-label': `Spellings in ${toLine(merging.cluster.column, 60)}`
    });
    this.#typed = el('input', {
      type: 'text',
      class: 'dcai-review-input',
      'aria-label': 'Another spelling that stays',
      placeholder: 'or type the spelling that stays',
      autocomplete: 'off',
      spellcheck: 'false'
    });
    this.#typed.addEventListener('input', () => this.#draw());
    this.#save.addEventListener('click', () => this.#finish());
    this.node = frame(
      `Spellings in ${toLine(merging.cluster.column, 40)}`,
      '↑ ↓ move · Space: a value of its own, or not · Enter: this one stays · Ctrl+Enter merges · Esc closes',
      merging.onClose,
      this.#list,
      this.#typed,
      ...(merging.cluster.says ? [el('p', { class: 'dcai-review-hint' }, showText(merging.cluster.says))] : []),
      el(
        'div',
        { class: 'dcai-review-dialog-actions' },
        this.#button('Enter', 'This one stays', () => this.#stay(this.#current)),
        this.#button('Space', 'Its own value', () => this.#split(this.#current)),
        this.#save
      )
    );
    this.#draw();
  }

  focus(): void {
    this.#list.focus();
  }

  onKey(pressed: Pressed): boolean {
    if (pressed.key === 'Enter' && (pressed.ctrlKey || pressed.metaKey)) {
      this.#finish();
      return true;
    }
    if (document.activeElement === this.#typed) {
      return false;
    }
    const { spellings } = this.#merging.cluster;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[pressed.key];
    if (step) {
      this.#active = Math.min(Math.max(0, this.#active + step), spellings.length - 1);
    } else if (pressed.key === ' ') {
      this.#split(this.#current);
    } else if (pressed.key === 'Enter') {
      this.#stay(this.#current);
    } else {
      return false;
    }
    this.#draw();
    return true;
  }

  /** The spelling that all others become. */
  get #target(): Scalar {
    return this.#typed.value.trim() === '' ? this.#keep : this.#typed.value;
  }

  get #others(): Scalar[] {
    const target = this.#target;
    return this.#merging.cluster.spellings.map(s => s.value).filter(v => v !== target && !this.#apart.has(v));
  }

  get #current(): Scalar {
    return this.#merging.cluster.spellings[this.#active]?.value ?? null;
  }

  #button(key: string, words: string, onClick: () => void): HTMLElement {
    const node = el('button', { type: 'button', class: 'dcai-review-button' }, keycap(key), words);
    node.addEventListener('click', () => {
      onClick();
      this.#draw();
    });
    return node;
  }

  #stay(value: Scalar): void {
    this.#keep = value;
    this.#typed.value = '';
    this.#apart.delete(value);
  }

  #split(value: Scalar): void {
    if (value === this.#target) {
      return;
    }
    if (!this.#apart.delete(value)) {
      this.#apart.add(value);
    }
  }

  #finish(): void {
    if (this.#others.length) {
      this.#merging.onMerge(this.#target, this.#others);
    }
  }

  #draw(): void {
    const { spellings } = this.#merging.cluster;
    const others = new Set(this.#others);
    fill(this.#list, ...spellings.map((s, i) => this.#drawSpelling(s.value, s.rows, i)));
    setAttribute(this.#list, 'aria-activedescendant', `${this.#id}-${this.#active}`);
    this.#list.querySelector('.is-active')?.scrollIntoView?.({ block: 'nearest' });
    const rows = spellings.filter(s => others.has(s.value)).reduce((sum, s) => sum + s.rows, 0);
    this.#save.disabled = others.size === 0;
    fill(
      this.#save,
      others.size
        ? `Write ${quote(this.#target, 30)} into ${toCount(rows, 'row')}`
        : 'Every spelling is a value of its own'
    );
  }

  #drawSpelling(value: Scalar, rows: number, i: number): HTMLElement {
    const stays = value === this.#target;
    const joins = !stays && !this.#apart.has(value);
    const word = stays ? 'stays' : joins ? 'becomes it' : 'on its own';
    const node = el(
      'div',
      {
        id: `${this.#id}-${i}`,
        role: 'option',
        class: classes('dcai-review-option', i === this.#active && 'is-active', stays && 'is-staying'),
        'aria-selected': String(stays || joins),
        'aria-label': `${toLine(toText(value), 80)}, ${toCount(rows, 'row')}, ${word}`
      },
      el('span', { class: 'dcai-review-check', 'aria-hidden': 'true' }, stays ? '★' : joins ? '✓' : ''),
      el('span', { class: 'dcai-review-option-name' }, showValue(value, 200)),
      el('span', { class: 'dcai-review-tag' }, word),
      el('span', { class: 'dcai-review-share' }, toCount(rows, 'row'))
    );
    node.addEventListener('click', () => {
      this.#active = i;
      this.#draw();
    });
    return node;
  }
}
