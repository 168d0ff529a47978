// Edit one value of the row. What is typed is sent as text; Python makes of it what the column holds.
import type { Card, Scalar } from '../contract';
import { type Dialog, frame } from './dialog';
import { el } from './dom';
import type { Pressed } from './keys';
import { toLine, toText } from './value';

const TRUTH: Record<string, boolean> = { true: true, false: false };

export interface Editing {
  card: Card;
  column: string | null;
  onSave(column: string, value: Scalar): void;
  onClose(): void;
}

export class Editor implements Dialog {
  readonly node: HTMLElement;
  #editing: Editing;
  #columns: HTMLSelectElement;
  #text: HTMLTextAreaElement;
  #warning: HTMLElement;

  constructor(editing: Editing) {
    this.#editing = editing;
    const { finding, cells } = editing.card;
    const names = cells.filter(c => c.kind !== 'image').map(c => c.column);
    const all = finding.column === null || names.includes(finding.column) ? names : [finding.column, ...names];
    this.#columns = el('select', { class: 'dcai-review-input', 'aria-label': 'Column' });
    this.#columns.append(...all.map(name => el('option', { value: name }, toLine(name, 60))));
    const start = editing.column ?? finding.column ?? all[0] ?? '';
    this.#columns.value = start;
    this.#columns.addEventListener('change', () => this.#load());
    this.#text = el('textarea', {
      class: 'dcai-review-input',
      rows: 3,
      'aria-label': 'New value',
      spellcheck: 'false'
    });
    this.#warning = el('p', { class: 'dcai-review-hint' });
    const save = el('button', { type: 'button', class: 'dcai-review-button is-main' }, 'Save');
    const empty = el('button', { type: 'button', class: 'dcai-review-button' }, 'Make it empty');
    save.addEventListener('click', () => this.#save(this.#text.value));
    empty.addEventListener('click', () => this.#save(null));
    this.node = frame(
      'Edit a value',
      'Enter saves · Shift+Enter starts a new line · Esc closes',
      editing.onClose,
      el('label', { class: 'dcai-review-field' }, el('span', {}, 'Column'), this.#columns),
      el('label', { class: 'dcai-review-field' }, el('span', {}, 'New value'), this.#text),
      this.#warning,
      el('div', { class: 'dcai-review-dialog-actions' }, empty, save)
    );
    this.#load();
  }

  focus(): void {
    this.#text.focus();
    this.#text.select();
  }

  onKey(pressed: Pressed): boolean {
    if (pressed.key !== 'Enter' || pressed.shiftKey || pressed.isComposing || document.activeElement !== this.#text) {
      return false;
    }
    this.#save(this.#text.value);
    return true;
  }

  #load(): void {
    const { finding, cells } = this.#editing.card;
    const column = this.#columns.value;
    const cell = cells.find(c => c.column === column);
    // A text that was cut for display must not be saved as if it were whole.
    const known = cell ? (cell.cut ? '' : cell.text) : finding.given === null ? '' : toText(finding.given);
    this.#text.value = known;
    this.#warning.textContent = cell?.cut ? 'Its text is cut for display here: type the whole new value.' : '';
  }

  #save(value: Scalar): void {
    const column = this.#columns.value;
    const kind = this.#editing.card.cells.find(c => c.column === column)?.kind;
    const truth = kind === 'boolean' && typeof value === 'string' ? TRUTH[value.trim().toLowerCase()] : undefined;
    if (column) {
      this.#editing.onSave(column, truth ?? value);
    }
  }
}
