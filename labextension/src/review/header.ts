// How far the review is, where it is saved, and the actions that are not about one row.
import type { Outlook, Progress } from '../contract';
import type { State } from './connection';
import { el, fill, keycap, setAttribute } from './dom';
import type { ActionName } from './keys';
import { toCount, toLine } from './value';

export class Header {
  readonly node: HTMLElement;
  #bar = el('span');
  #meter: HTMLElement;
  #count = el('span', { class: 'dcai-review-count' });
  #outlook = el('p', { class: 'dcai-review-outlook' });
  #saved = el('span', { class: 'dcai-review-saved' });
  #undo: HTMLButtonElement;
  #redo: HTMLButtonElement;
  #progress: Progress | null = null;
  #state: State = { unsaved: 0, silent: false, broken: false };

  constructor(onAction: (name: ActionName) => void) {
    const button = (name: ActionName, key: string, words: string) => {
      const node = el(
        'button',
        {
          type: 'button',
          class: 'dcai-review-button is-quiet',
          title: `Key: ${key}`,
          'aria-keyshortcuts': toShortcut(key)
        },
        words,
        keycap(key)
      );
      node.addEventListener('click', () => {
        if (node.getAttribute('aria-disabled') !== 'true') {
          onAction(name);
        }
      });
      return node;
    };
    this.#undo = button('undo', 'Ctrl+Z', 'Undo');
    this.#redo = button('redo', 'Ctrl+Shift+Z', 'Redo');
    this.#meter = el(
      'div',
      { class: 'dcai-review-meter', role: 'progressbar', 'aria-label': 'Findings decided', 'aria-valuemin': 0 },
      this.#bar
    );
    this.node = el(
      'div',
      { class: 'dcai-review-header' },
      this.#meter,
      el('p', { class: 'dcai-review-progress' }, this.#count, this.#saved),
      el(
        'div',
        { class: 'dcai-review-tools' },
        this.#undo,
        this.#redo,
        button('people', 'i', 'Reviewers'),
        button('help', '?', 'Keys')
      ),
      this.#outlook
    );
  }

  showProgress(progress: Progress): void {
    this.#progress = progress;
    this.#draw();
  }

  showState(state: State): void {
    this.#state = state;
    this.#draw();
  }

  #draw(): void {
    const progress = this.#progress;
    if (!progress) {
      return;
    }
    const { total, decided, left, disputed = 0 } = progress;
    setAttribute(this.#meter, 'aria-valuemax', total);
    setAttribute(this.#meter, 'aria-valuenow', decided);
    this.#bar.style.width = `${total ? (100 * decided) / total : 100}%`;
    fill(
      this.#count,
      el('strong', {}, decided.toLocaleString('en-US')),
      ` of ${total.toLocaleString('en-US')} decided · ${left.toLocaleString('en-US')} left`,
      disputed > 0 && el('span', { class: 'dcai-review-disputed' }, ` · ${disputed.toLocaleString('en-US')} disputed`)
    );
    fill(this.#outlook, ...showOutlook(progress.outlook ?? null));
    const { unsaved, silent, broken } = this.#state;
    this.#saved.className = `dcai-review-saved${silent || broken ? ' is-late' : ''}`;
    this.#saved.textContent = broken
      ? `${toCount(unsaved, 'decision')} not saved: the kernel is gone. Run the cell again to save.`
      : silent
        ? `${toCount(unsaved, 'decision')} not saved yet: waiting for the kernel`
        : unsaved
          ? `saving ${toCount(unsaved, 'decision')} …`
          : `saved to ${toLine(shorten(progress.saved_to), 80)}`;
    this.#saved.title = progress.by ? `${progress.saved_to}, as ${progress.by}` : progress.saved_to;
    // Turned off they keep the focus, if they have it.
    setAttribute(this.#undo, 'aria-disabled', !progress.can_undo && !unsaved ? 'true' : null);
    setAttribute(this.#redo, 'aria-disabled', !progress.can_redo && !unsaved ? 'true' : null);
  }
}

/** A key as `aria-keyshortcuts` has it. */
function toShortcut(key: string): string {
  return key.replace('Ctrl', 'Control');
}

/** The end of a path says most: its folder and its file. */
function shorten(path: string): string {
  const parts = path.split(/[\\/]/);
  return parts.length > 3 ? `…/${parts.slice(-2).join('/')}` : path;
}

/** The pace, the errors that may be left, and what the next reviews may find; what is not known is left out. */
function showOutlook(outlook: Outlook | null): HTMLElement[] {
  const parts: [string, string][] = [];
  if (outlook?.errors != null) {
    const range = `${toWhole(outlook.low ?? 0)} to ${toWhole(outlook.high ?? 0)}`;
    parts.push([
      `about ${toCount(Math.round(outlook.errors), 'wrong label')} left`,
      `Estimated from the whole column, flagged or not: ${range} wrong labels are left.`
    ]);
  }
  if (outlook?.worth != null) {
    parts.push([
      `next ${outlook.next}: about ${toWhole(outlook.worth)} to change`,
      'What the next open findings of the queue are worth, by their doubt and by what you have decided so far.'
    ]);
  }
  if (outlook?.pace != null) {
    parts.push([`${toWhole(outlook.pace)} a minute`, 'Your pace in this sitting, longer pauses left out.']);
  }
  return parts.map(([text, title]) => el('span', { title }, text));
}

function toWhole(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}
