// What is on screen, and where: header, queue, card, note, buttons, the line that says what happened, dialogs.
import type { Card, Terms } from '../contract';
import type { Bar } from './bar';
import { Buttons } from './buttons';
import { type CardActions, type CardState, showCard } from './card';
import { DialogPlace } from './dialog';
import { type Child, el, fill, keycap } from './dom';
import { keepFocus } from './focus';
import { Header } from './header';
import { isText } from './keyboard';
import type { ActionName } from './keys';
import { showText, toCount, toLine } from './value';

export class Screen {
  readonly node: HTMLElement;
  readonly header: Header;
  readonly dialogs: DialogPlace;
  readonly note: HTMLTextAreaElement;
  #buttons: Buttons;
  // A document within the application: a screen reader reads it as it reads a page, once Tab leads there.
  #place = el('div', { class: 'dcai-review-place', role: 'document', tabindex: 0, 'aria-label': 'The finding' });
  #status = el('p', { class: 'dcai-review-status', role: 'status', 'aria-live': 'polite' });
  #alert = el('div', { class: 'dcai-review-alert', role: 'alert', hidden: true });
  #terms = el('p', { class: 'dcai-review-terms', hidden: true });
  #shown: string | undefined;

  constructor(queue: HTMLElement, bar: Bar, total: number, onAction: (name: ActionName) => void) {
    this.header = new Header(onAction);
    this.#buttons = new Buttons(onAction);
    this.dialogs = new DialogPlace(() => this.focus());
    this.note = el('textarea', {
      class: 'dcai-review-input',
      rows: 1,
      'aria-label': 'Note',
      placeholder: 'saved with the decision'
    });
    this.node = this.#layout(queue, bar, total, onAction);
    // A mouse click gives the keys back to the review; a button pressed by keyboard keeps the focus.
    this.node.addEventListener('click', ev => {
      if (ev.detail > 0 && !this.dialogs.open && !isText(document.activeElement ?? this.node)) {
        this.focus();
      }
    });
  }

  focus(): void {
    this.node.focus({ preventScroll: true });
  }

  showCard(card: Card, state: CardState, note: string, actions: CardActions): void {
    const same = this.#shown === card.finding.finding;
    const scroll = same ? this.#place.scrollTop : 0;
    this.#shown = card.finding.finding;
    const sounds = same ? [...this.#place.querySelectorAll('audio')] : [];
    keepFocus(() => {
      fill(this.#place, showCard(card, state, actions));
      // A sound that plays goes on when its card is drawn again: put back at once, it is not interrupted.
      for (const sound of this.#place.querySelectorAll('audio')) {
        sound.replaceWith(sounds.find(old => old.src === sound.src) ?? sound);
      }
    });
    if (!same) {
      this.#leaveCard();
    }
    this.#place.scrollTop = scroll;
    // What is being typed is not taken away by a card that is shown again.
    if (!same || document.activeElement !== this.note) {
      this.note.value = note;
    }
    this.note.readOnly = false;
    this.#buttons.show(card);
  }

  /** Show a few words in place of a card. */
  showWords(...children: Child[]): void {
    this.#shown = undefined;
    this.note.value = '';
    this.#buttons.show(null);
    this.note.readOnly = true;
    keepFocus(() => fill(this.#place, el('div', { class: 'dcai-review-done' }, ...children)));
  }

  /** Add what came later to the words that stand in place of a card. */
  addWords(node: HTMLElement): void {
    this.#place.querySelector('.dcai-review-done')?.append(node);
  }

  /** Another finding is shown: a key pressed on a button of the last one must not press one of this. */
  #leaveCard(): void {
    if (this.#place.contains(document.activeElement) && document.activeElement !== this.#place) {
      this.focus();
    }
  }

  /** Show that no finding is open, in the whole queue or in what a filter shows of it. */
  showDone(total: number, filtered = false): void {
    const all = total === 1 ? 'the only finding' : `all ${toCount(total, 'finding')}`;
    if (filtered) {
      this.showWords(
        el('strong', {}, total ? 'All done here' : 'No finding passes this filter'),
        total > 0 && el('p', {}, `You have decided ${all} that the filter shows.`),
        el('p', { class: 'dcai-review-faint' }, 'Press f to change the filter; “Show all” takes it off.')
      );
      return;
    }
    if (!total) {
      this.showWords(el('strong', {}, 'Nothing to review'), el('p', {}, 'The audit found nothing about single rows.'));
      return;
    }
    const next = 'Choose a finding in the queue to look at it again, or press Ctrl+Z to undo.';
    this.showWords(
      el('strong', {}, 'All done'),
      el('p', {}, `You have decided ${all}.`),
      el('p', { class: 'dcai-review-faint' }, next)
    );
  }

  /** Play the sound of the row, or stop it. */
  play(): void {
    const sound = this.#place.querySelector('audio');
    if (sound?.paused) {
      sound.play().catch(error => this.say(`The sound cannot be played: ${(error as Error).message}`));
    } else {
      sound?.pause();
    }
  }

  /** Say what should be known before the first decision, what is hidden, and how far reviewers agree. */
  showTerms({ remarks, masked, blind, agreement }: Terms): void {
    const hidden = masked.length > 0 && `Sensitive columns are hidden: ${masked.map(c => toLine(c, 40)).join(', ')}.`;
    const words = [blind && 'Blind review: the suggestion shows once you have decided.', hidden, agreement].filter(
      Boolean
    );
    fill(this.#terms, words.join(' '));
    this.#terms.hidden = words.length === 0;
    if (remarks.length) {
      this.warn(remarks.join('\n'));
    }
  }

  say(text: string): void {
    this.#status.textContent = text;
  }

  /** Say what went wrong, until it is dismissed. */
  warn(text: string, onShow?: () => void): void {
    const show = el('button', { type: 'button', class: 'dcai-review-button is-quiet' }, 'Show it');
    const close = el('button', { type: 'button', class: 'dcai-review-close', 'aria-label': 'Dismiss' }, '×');
    show.addEventListener('click', () => onShow?.());
    close.addEventListener('click', () => this.calm());
    keepFocus(() => {
      fill(this.#alert, el('span', {}, showText(text)), onShow && show, close);
      this.#alert.hidden = false;
    });
  }

  /** Nothing is wrong any more. */
  calm(): void {
    keepFocus(() => {
      this.#alert.hidden = true;
    });
  }

  #layout(queue: HTMLElement, bar: Bar, total: number, onAction: (name: ActionName) => void): HTMLElement {
    const write = el(
      'button',
      { type: 'button', class: 'dcai-review-button is-quiet', 'aria-keyshortcuts': 'm' },
      keycap('m'),
      'Note'
    );
    write.addEventListener('click', () => onAction('note'));
    this.#buttons.node.append(el('div', { class: 'dcai-review-note' }, write, this.note));
    const frame = el(
      'div',
      { class: 'dcai-review-frame' },
      this.header.node,
      this.#terms,
      this.#alert,
      el(
        'div',
        { class: 'dcai-review-body' },
        el('div', { class: 'dcai-review-left' }, bar.node, queue),
        el(
          'div',
          { class: 'dcai-review-main' },
          this.#place,
          el('div', { class: 'dcai-review-footer' }, this.#buttons.node)
        )
      ),
      el(
        'div',
        { class: 'dcai-review-foot' },
        this.#status,
        el('span', { class: 'dcai-review-asleep' }, 'Click here to use the keys'),
        el('span', { class: 'dcai-review-awake' }, keycap('?'), ' shows all keys')
      ),
      this.dialogs.node
    );
    return el(
      'div',
      {
        class: 'dcai-review',
        role: 'application',
        tabindex: 0,
        'aria-label': `Review of ${toCount(total, 'finding')}. Press ? for the keys.`,
        'data-lm-suppress-shortcuts': 'true'
      },
      frame
    );
  }
}
