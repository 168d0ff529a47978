// Where in the queue the reviewer is: moving, loading what is moved to, and finding what is open.
import type { Card } from '../contract';
import type { Cards } from './cards';
import { wantsNearest } from './choices';
import { el, setAttribute } from './dom';
import type { List } from './list';
import { type Ask, PAGE, type Queue } from './queue';
import type { Screen } from './screen';
import type { Selection } from './selection';
import type { TypeAhead } from './typeahead';
import { showText } from './value';

/** Cards fetched ahead of the one that is looked at. */
const AHEAD = 8;
/** After so many milliseconds a search says that it is one. */
const SLOW = 200;
/** A hand that stays so long at a row may read what its group says. */
const REST = 300;

export interface Parts {
  ask: Ask;
  queue: Queue;
  cards: Cards;
  list: List;
  screen: Screen;
  typed: TypeAhead;
  selection: Selection;
  /** The card with what is known beside it. */
  complete(card: Card): Card;
  draw(card: Card): void;
  /** No finding is open any more. */
  onDone(): void;
}

export class Navigator {
  /** The position that is looked at, -1 for none. */
  position = -1;
  #card: Card | null = null;
  #parts: Parts;
  /** Grows with every move, so that what arrives for an earlier one is dropped. */
  #move = 0;
  #resting: ReturnType<typeof setTimeout> | undefined;
  #looking: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The card on screen; null while there is none, or another is on its way. */
  get card(): Card | null {
    return this.#card;
  }

  close(): void {
    clearTimeout(this.#resting);
    clearTimeout(this.#looking);
  }

  /** Hold the keys until something that was asked for is known. The returned function says whether that still matters. */
  wait(): () => boolean {
    const move = ++this.#move;
    this.#parts.typed.pause();
    return () => move === this.#move;
  }

  /** Show the card that was moved to; keys that waited for it are taken. */
  #show(card: Card): void {
    this.#put(card);
    this.#showNearestSoon(card);
    this.#parts.typed.resume();
  }

  #put(card: Card): void {
    this.#card = this.#parts.complete(card);
    this.#parts.draw(this.#card);
  }

  /** Draw the card on screen again, with what has become known. */
  drawAgain(): void {
    if (this.#card) {
      this.#put(this.#card);
    }
  }

  /** Say that no finding is open. */
  finish(): void {
    this.#move++;
    this.position = -1;
    this.#card = null;
    this.#parts.screen.showDone(this.#parts.queue.total, this.#parts.queue.view !== 0);
    this.#parts.list.select(-1);
    this.#parts.selection.report('');
    this.#parts.onDone();
    this.#parts.typed.resume();
  }

  #showWords(...children: Parameters<Screen['showWords']>): void {
    this.#card = null;
    this.#parts.screen.showWords(...children);
  }

  select(position: number): void {
    const move = ++this.#move;
    this.position = position;
    this.#parts.list.select(position);
    setAttribute(this.#parts.screen.node, 'aria-activedescendant', this.#parts.list.activeId);
    const item = this.#parts.queue.at(position);
    const card = item && this.#parts.cards.get(item.finding);
    if (card) {
      this.#show(card);
    }
    if (!item || !card) {
      this.#load(position, move);
    } else if (this.#parts.cards.isOld(item.finding)) {
      this.refreshSoon(item.finding);
    }
    if (item) {
      this.#parts.selection.report(item.finding);
    }
    this.#lookAhead(position);
  }

  async #load(position: number, move: number): Promise<void> {
    this.#parts.typed.pause();
    this.#showWords(el('p', { class: 'dcai-review-faint' }, 'Loading the row …'));
    try {
      await this.#parts.queue.load(position);
      const item = this.#parts.queue.at(position);
      if (item && move === this.#move) {
        const card = await this.#parts.cards.fetch(item.finding);
        if (move === this.#move) {
          this.#show(card);
          this.#parts.selection.report(item.finding);
          this.#lookAhead(position);
        }
      }
    } catch (error) {
      this.#fail(error, move);
    }
  }

  /** Say that a question went wrong, and let the keys go on. */
  #fail(error: unknown, move: number): void {
    if (move === this.#move) {
      this.#showWords(el('strong', {}, 'This row cannot be shown'), el('p', {}, showText((error as Error).message)));
      this.#parts.typed.resume();
    }
  }

  #lookAhead(position: number): void {
    this.#parts.cards.fetchAhead(this.#parts.queue.soon(position, AHEAD).map(item => item.finding));
    this.#parts.queue
      .load(position, position + PAGE / 2)
      .catch(error => console.warn('dcai: a page did not load', error));
  }

  /** Go to the next open finding from a position on, round the end. */
  advance(from: number): void {
    const near = this.#parts.queue.soon(from, 1)[0];
    const position = near && this.#parts.queue.positionOf(near.finding);
    if (position !== undefined) {
      this.select(position);
      return;
    }
    const move = ++this.#move;
    this.#parts.typed.pause();
    this.#card = null;
    const slow = setTimeout(() => move === this.#move && this.#showWords('Looking for the next open finding …'), SLOW);
    this.#parts.queue.next(from).then(
      found => {
        clearTimeout(slow);
        if (move === this.#move) {
          found === null ? this.finish() : this.select(found);
        }
      },
      error => this.#fail(error, move)
    );
  }

  /** Go to a finding wherever it stands in the queue. */
  goTo(finding: string): void {
    const here = this.#parts.queue.positionOf(finding);
    if (here !== undefined) {
      this.select(here);
      return;
    }
    this.ask({ ask: 'card', finding });
  }

  /**
   * Ask for a finding by another name than its position, and go there; `otherwise` is done where there is none.
   * True where it was gone to.
   */
  async ask(question: Parameters<Ask>[0], otherwise?: () => void): Promise<boolean> {
    const move = ++this.#move;
    this.#parts.typed.pause();
    const { card, start, error } = await this.#parts.ask(question);
    if (move !== this.#move) {
      return false;
    }
    if (card) {
      this.goToCard(card, start ?? null);
    } else if (otherwise) {
      otherwise();
    } else {
      this.#parts.typed.resume();
      this.#parts.screen.warn(error ?? 'That finding is not in the queue.');
    }
    return Boolean(card);
  }

  /** Show a card that came by itself; one that the filter leaves out is shown without a line of the queue. */
  goToCard(card: Card, position: number | null): void {
    this.#parts.cards.put(card);
    if (position !== null) {
      this.select(position);
      return;
    }
    this.#move++;
    this.#parts.list.select(-1);
    this.#parts.screen.say(`Row ${card.finding.row} is outside of the filter.`);
    this.#parts.selection.report(card.finding.finding);
    this.#show(card);
  }

  step(by: number): void {
    const position = this.position < 0 ? (by > 0 ? 0 : this.#parts.queue.total - 1) : this.position + by;
    if (position >= 0 && position < this.#parts.queue.total) {
      this.#parts.screen.say('');
      this.select(position);
    } else {
      this.#parts.screen.say(
        by > 0 ? 'This is the last finding of the queue.' : 'This is the first finding of the queue.'
      );
    }
  }

  goBack(finding: string | undefined, from: number): void {
    if (finding !== undefined) {
      this.goTo(finding);
    } else if (from >= 0) {
      this.select(from);
    } else {
      this.advance(0);
    }
  }

  /** Fetch the card on screen again, without moving. */
  refresh(finding: string): void {
    const move = this.#move;
    if (this.card?.finding.finding !== finding) {
      return;
    }
    this.#parts.cards.fetch(finding).then(
      card => {
        if (move === this.#move && this.card?.finding.finding === finding) {
          this.#put(card);
        }
      },
      error => console.warn('dcai: a card did not load again', error)
    );
  }

  /** The same, once the hand rests: only the group has changed, which a quick hand does not read. */
  refreshSoon(finding: string): void {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.refresh(finding), REST);
  }

  /** Put the rows most like this one beside it once the hand rests: they take Python a moment, and a clear case needs none. */
  #showNearestSoon(card: Card): void {
    const move = this.#move;
    const { finding } = card.finding;
    clearTimeout(this.#looking);
    if (!wantsNearest(card)) {
      return;
    }
    this.#looking = setTimeout(async () => {
      const found = await this.#parts.cards.fetchNearest(finding);
      if (found && move === this.#move && this.card?.finding.finding === finding) {
        this.#put(found);
      }
    }, REST);
  }
}
