// The dialogs over the card. Their keys come from the review's one key handler, so that none reaches the notebook.
import { el, fill } from './dom';
import type { Pressed } from './keys';

export interface Dialog {
  readonly node: HTMLElement;
  /** Take the focus. */
  focus(): void;
  /** Handle a key before the browser does. True means that it is dealt with. */
  onKey(pressed: Pressed): boolean;
}

/** Holds at most one open dialog. */
export class DialogPlace {
  readonly node = el('div', { class: 'dcai-review-dialogs', hidden: true });
  #open: Dialog | null = null;
  #onClose: () => void;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
    this.node.addEventListener('click', ev => {
      if (ev.target === this.node) {
        this.close();
      }
    });
  }

  get open(): Dialog | null {
    return this.#open;
  }

  show(dialog: Dialog): void {
    this.#open = dialog;
    fill(this.node, dialog.node);
    this.node.hidden = false;
    dialog.focus();
  }

  close(): void {
    if (this.#open) {
      this.#open = null;
      this.node.hidden = true;
      fill(this.node);
      this.#onClose();
    }
  }
}

/** The frame of a dialog: its title, what is in it, and a line about its keys. */
export function frame(title: string, hint: string, onClose: () => void, ...children: HTMLElement[]): HTMLElement {
  const close = el('button', { type: 'button', class: 'dcai-review-close', 'aria-label': 'Close' }, '×');
  close.addEventListener('click', onClose);
  return el(
    'div',
    { class: 'dcai-review-dialog', role: 'dialog', 'aria-modal': 'true', 'aria-label': title },
    el('div', { class: 'dcai-review-dialog-head' }, el('h2', {}, title), close),
    ...children,
    hint && el('p', { class: 'dcai-review-hint' }, hint)
  );
}
