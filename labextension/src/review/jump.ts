// The dialog that goes to one row of the queue by its number, its key or the id of a finding.
import { type Dialog, frame } from './dialog';
import { el, fill } from './dom';
import type { Pressed } from './keys';

export interface Jumping {
  /** What was typed before, and why it led nowhere. */
  text?: string;
  error?: string;
  onGo(text: string): void;
  onClose(): void;
}

export class Jump implements Dialog {
  readonly node: HTMLElement;
  #jumping: Jumping;
  #error = el('p', { class: 'dcai-review-failure', role: 'alert' });
  #text = el('input', {
    type: 'text',
    class: 'dcai-review-input',
    'aria-label': 'Row, key or finding',
    placeholder: 'row number, key, or id of a finding',
    autocomplete: 'off',
    spellcheck: 'false'
  });

  constructor(jumping: Jumping) {
    this.#jumping = jumping;
    this.#text.value = jumping.text ?? '';
    fill(this.#error, jumping.error ?? '');
    const go = el('button', { type: 'button', class: 'dcai-review-button is-main' }, 'Go');
    go.addEventListener('click', () => this.#go());
    this.node = frame(
      'Go to a row',
      'Enter goes there · Esc closes',
      jumping.onClose,
      this.#text,
      this.#error,
      el('div', { class: 'dcai-review-dialog-actions' }, go)
    );
  }

  focus(): void {
    this.#text.focus();
    this.#text.select();
  }

  onKey(pressed: Pressed): boolean {
    if (pressed.key !== 'Enter' || pressed.isComposing) {
      return false;
    }
    this.#go();
    return true;
  }

  #go(): void {
    this.#jumping.onGo(this.#text.value);
  }
}
