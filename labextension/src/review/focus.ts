// The focus is never lost: keys arrive at the review only while it is inside of it.

/** The attribute that names an element which is drawn anew under the same name. */
export const NAME = 'data-name';

/**
 * Change what is on screen. Where that takes the focused element away, hides it or turns it off, the focus goes to the
 * element that has its name now, else to the review itself.
 */
export function keepFocus(change: () => void): void {
  const focused = document.activeElement;
  const root = focused?.closest<HTMLElement>('.dcai-review');
  change();
  if (!focused || !root || isThere(focused)) {
    return;
  }
  const name = focused.getAttribute(NAME);
  const named = [...root.querySelectorAll<HTMLElement>(`[${NAME}]`)];
  const same = named.find(node => node.getAttribute(NAME) === name);
  (same && isThere(same) ? same : root).focus({ preventScroll: true });
}

function isThere(element: Element): boolean {
  return element.isConnected && !element.closest('[hidden]') && !element.matches(':disabled');
}
