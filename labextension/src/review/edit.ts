// Edit one value of the row. What is typed is sent as text; Python makes of it what the column holds.
import type { Card, Cell, Scalar } from '../contract';
import { type Dialog, frame } from './dialog';
import { el, fill } from './dom';
import type { Pressed } from './keys';
import { toLine, toText } from './value';

const TRUTH: Record<string, boolean> = { true: true, false: false };
const CUT = 'It cannot be shown whole here: type the whole new value.';
const MISSING = 'The cell has no value.';
const EMPTIED = 'Saved like this, the cell has no value.';

export interface Editing {
  card: Card;
  column: string | null;
  /** Save a value; null empties the cell. */
  onSave(column: string, value: Scalar): void;
  onClose(): void;
}

export class Editor implements Dialog {
  readonly node: HTMLElement;
  #editing: Editing;
  #columns: HTMLSelectElement;
  #text: HTMLTextAreaElement;
  #warning: HTMLElement;
  /** The text that the field began with. */
  #known = '';

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
    this.#warning = el('p', { class: 'dcai-review-hint', role: 'status' });
    const save = el('button', { type: 'button', class: 'dcai-review-button is-main' }, 'Save');
    const empty = el('button', { type: 'button', class: 'dcai-review-button' }, 'Make it empty');
    save.addEventListener('click', () => this.#saveTyped());
    empty.addEventListener('click', () => this.#save(null));
    this.#text.addEventListener('input', () => this.#warn());
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
    this.#saveTyped();
    return true;
  }

  get #cell(): Cell | undefined {
    return this.#editing.card.cells.find(c => c.column === this.#columns.value);
  }

  #load(): void {
    const { finding } = this.#editing.card;
    const cell = this.#cell;
    // A text that was cut for display must not be saved as if it were whole.
    this.#known = cell ? (cell.cut ? '' : cell.text) : finding.given === null ? '' : toText(finding.given);
    this.#text.value = this.#known;
    this.#warn();
  }

  /** True where the cell has no value. */
  get #isMissing(): boolean {
    return this.#cell ? (this.#cell.missing ?? false) : this.#editing.card.finding.given === null;
  }

  #warn(): void {
    const said = this.#text.value !== this.#known ? [] : [this.#cell?.cut && CUT, this.#isMissing && MISSING];
    const emptied = this.#text.value === '' && this.#known !== '' && EMPTIED;
    fill(this.#warning, [...said, emptied].filter(Boolean).join(' '));
  }

  /** Save what was typed. What was not touched is what it was; a field that was emptied is a cell without a value. */
  #saveTyped(): void {
    const { finding } = this.#editing.card;
    const text = this.#text.value;
    if (text !== this.#known) {
      this.#save(text === '' ? null : text);
    } else if (this.#cell?.cut) {
      fill(this.#warning, CUT);
    } else if (this.#columns.value === finding.column) {
      this.#save(finding.given);
    } else {
      fill(this.#warning, 'Nothing has changed yet. Type the new value.');
    }
  }

  #save(value: Scalar): void {
    const column = this.#columns.value;
    const truth =
      this.#cell?.kind === 'boolean' && typeof value === 'string' ? TRUTH[value.trim().toLowerCase()] : undefined;
    if (column) {
      this.#editing.onSave(column, truth ?? value);
    }
  }
}
