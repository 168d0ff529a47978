// The one place where keys arrive: on the window, before the notebook sees them, and only from inside the review.
import type { DialogPlace } from './dialog';
import { type Action, actionOf } from './keys';

export interface Hands {
  root: HTMLElement;
  dialogs: DialogPlace;
  act(action: Action): void;
  /** Leave a text field. */
  leave(): void;
  /** Ctrl+S was pressed, which would save the web page. */
  onSave(): void;
}

/** Keys that scroll what has the focus: the card that is read, a long dialog. */
export const SCROLLS = ['ArrowDown', 'ArrowUp', 'PageDown', 'PageUp', 'Home', 'End', ' '];

const STOPS = 'button:not(:disabled), input, select, textarea, [tabindex="0"]';

/** Listen for keys until the returned function is called. */
export function listen(hands: Hands): () => void {
  const onKeydown = (ev: KeyboardEvent) => {
    const path = ev.composedPath();
    if (path.includes(hands.root) && !ev.defaultPrevented) {
      handle(hands, ev, path[0] as Element);
    }
  };
  window.addEventListener('keydown', onKeydown, { capture: true });
  return () => window.removeEventListener('keydown', onKeydown, { capture: true });
}

function handle(hands: Hands, ev: KeyboardEvent, target: Element): void {
  const plain = !ev.ctrlKey && !ev.metaKey && !ev.altKey;
  const taken = takes(hands, ev, target, plain);
  if (taken) {
    ev.preventDefault();
  }
  // Notebook shortcuts are single letters and Enter: none of them may see a key that was meant for the review.
  if (taken || (plain && ev.key !== 'Tab') || ev.key === 'Enter') {
    ev.stopImmediatePropagation();
  }
}

/** Act on a key. True means that the browser must not act on it too. */
function takes(hands: Hands, ev: KeyboardEvent, target: Element, plain: boolean): boolean {
  if (ev.isComposing) {
    return false;
  }
  const dialog = hands.dialogs.open;
  if (dialog) {
    if (ev.key === 'Escape') {
      hands.dialogs.close();
      return true;
    }
    return ev.key === 'Tab' ? stayInside(dialog.node, ev) : !presses(ev, target) && dialog.onKey(ev);
  }
  if (isText(target)) {
    const leaves = ev.key === 'Escape' || (ev.key === 'Enter' && !ev.shiftKey);
    if (leaves) {
      hands.leave();
    }
    return leaves;
  }
  if (presses(ev, target)) {
    return false;
  }
  if (!plain && !ev.altKey && ev.key.toLowerCase() === 's') {
    hands.onSave();
    return true;
  }
  if (target.matches('[role=document]') && SCROLLS.includes(ev.key)) {
    return false;
  }
  const action = actionOf(ev);
  if (action) {
    hands.act(action);
  }
  return action !== null || (plain && ev.key === ' ');
}

/** True where the key presses the button, link, box or sound that has the focus. */
function presses(ev: KeyboardEvent, target: Element): boolean {
  return (
    (target.matches('button, audio') && (ev.key === 'Enter' || ev.key === ' ')) ||
    (target.matches('a') && ev.key === 'Enter')
  );
}

/** True for elements that text is typed into. */
export function isText(target: Element): boolean {
  return target.matches('input, textarea, select, [contenteditable]:not([contenteditable="false"])');
}

/** Keep Tab inside a dialog. */
function stayInside(dialog: HTMLElement, ev: KeyboardEvent): boolean {
  const stops = [...dialog.querySelectorAll<HTMLElement>(STOPS)];
  const at = stops.indexOf(document.activeElement as HTMLElement);
  const to = ev.shiftKey ? (at <= 0 ? stops.length : at) - 1 : (at + 1) % stops.length;
  stops[to]?.focus();
  return true;
}
