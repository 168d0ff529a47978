// The help: every key and what it does.
import { type Dialog, frame } from './dialog';
import { el, keycap } from './dom';
import { KEYS, type Pressed } from './keys';

export class Help implements Dialog {
  readonly node: HTMLElement;

  constructor(onClose: () => void) {
    const list = el('ul', { class: 'dcai-review-keys' });
    for (const [keys, meaning] of KEYS) {
      const caps = keys.flatMap((key, i) => [i > 0 && key !== '…' && keys[i - 1] !== '…' ? ' or ' : ' ', cap(key)]);
      list.append(el('li', {}, el('span', {}, ...caps), el('span', {}, meaning)));
    }
    const text = 'A decision is on disk, in the correction log, when it shows ✓. Nothing is changed in your data.';
    this.node = frame('Keys', '', onClose, list, el('p', { class: 'dcai-review-hint' }, text));
    this.node.tabIndex = -1;
  }

  focus(): void {
    this.node.focus();
  }

  onKey(pressed: Pressed): boolean {
    return pressed.key !== 'Tab' && !pressed.ctrlKey && !pressed.metaKey;
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
