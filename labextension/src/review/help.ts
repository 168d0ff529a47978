// The help: every key and what it does.
import { type Dialog, frame } from './dialog';
import { el, keycap } from './dom';
import { SCROLLS } from './keyboard';
import { KEYS, type Pressed } from './keys';

export class Help implements Dialog {
  readonly node: HTMLElement;
  #list: HTMLElement;

  constructor(onClose: () => void) {
    const list = el('ul', { class: 'dcai-review-keys', role: 'list', 'aria-label': 'Keys' });
    for (const [keys, meaning] of KEYS) {
      const caps = keys.flatMap((key, i) => [i > 0 && key !== '…' && keys[i - 1] !== '…' ? ' or ' : ' ', cap(key)]);
      list.append(el('li', {}, el('span', {}, ...caps), el('span', {}, meaning)));
    }
    const text = 'A decision is on disk, in the correction log, when it shows ✓. Nothing is changed in your data.';
    this.node = frame('Keys', '', onClose, list, el('p', { class: 'dcai-review-hint' }, text));
    list.tabIndex = 0;
    this.#list = list;
  }

  focus(): void {
    this.#list.focus();
  }

  onKey(pressed: Pressed): boolean {
    return !SCROLLS.includes(pressed.key) && !pressed.ctrlKey && !pressed.metaKey;
  }
}

function cap(key: string): HTMLElement | string {
  if (key === '…') {
    return key;
  }
  const node = keycap(key);
  node.removeAttribute('aria-hidden');
  return node;
}
