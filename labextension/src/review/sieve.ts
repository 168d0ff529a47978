// Which part of the queue is looked at: the filter that was chosen, and going to a row wherever it stands.
import type { Facets, Filter } from '../contract';
import type { Bar } from './bar';
import { ALL, FilterDialog, isAll } from './filter';
import { Jump } from './jump';
import type { Navigator } from './navigator';
import type { Ask, Queue } from './queue';
import type { Screen } from './screen';
import type { TypeAhead } from './typeahead';

export interface SieveParts {
  ask: Ask;
  queue: Queue;
  navigator: Navigator;
  screen: Screen;
  bar: Bar;
  typed: TypeAhead;
}

export class Sieve {
  #parts: SieveParts;
  #filter = ALL;
  /** Ends when the last filter that was chosen is in force; null where it is. */
  #applying: Promise<void> | null = null;
  /** Titles of columns and pairs by the names that Python knows them by. */
  #titles = new Map<string, string>();

  constructor(parts: SieveParts) {
    this.#parts = parts;
  }

  open(): void {
    const { dialogs } = this.#parts.screen;
    dialogs.show(
      new FilterDialog({
        filter: this.#filter,
        titles: this.#titles,
        facets: text => this.#fetchFacets(text),
        onApply: filter => {
          dialogs.close();
          this.#begin(filter);
        },
        onClose: () => dialogs.close()
      })
    );
  }

  /** Ask where to go; where that leads nowhere, ask again and say why. */
  openJump(text = '', error = ''): void {
    const { dialogs } = this.#parts.screen;
    dialogs.show(new Jump({ text, error, onGo: where => this.#go(where), onClose: () => dialogs.close() }));
  }

  /** Show the whole queue again. */
  clear(): void {
    this.#begin(ALL);
  }

  #begin(filter: Filter): void {
    const applying = this.#apply(filter).finally(() => {
      if (this.#applying === applying) {
        this.#applying = null;
      }
    });
    this.#applying = applying;
  }

  async #fetchFacets(text: string): Promise<Facets> {
    const reply = await this.#parts.ask({ ask: 'facets', text });
    if (!reply.facets) {
      throw new Error(reply.error ?? 'What there is to filter by did not come.');
    }
    for (const { name, title } of [...reply.facets.columns, ...reply.facets.pairs]) {
      this.#titles.set(name, title);
    }
    return reply.facets;
  }

  async #apply(filter: Filter): Promise<void> {
    const { ask, queue, navigator, screen, bar } = this.#parts;
    const matters = navigator.wait();
    screen.say('Filtering …');
    const reply = await ask({ ask: 'filter', filter });
    if (!matters()) {
      return;
    }
    if (reply.error || reply.view == null) {
      screen.warn(reply.error ?? 'The filter was not answered.');
      navigator.advance(Math.max(0, navigator.position));
      return;
    }
    this.#filter = filter;
    queue.show(reply.view, reply.total ?? 0);
    bar.show(isAll(filter) ? null : filter, queue.total, this.#titles);
    screen.say('');
    this.#enter();
  }

  /** Begin at the first open finding; where only decided ones are asked for, at the first. */
  #enter(): void {
    const { queue, navigator } = this.#parts;
    if (!queue.total) {
      navigator.finish();
    } else if (this.#filter.state === 'decided') {
      navigator.select(0);
    } else {
      navigator.advance(0);
    }
  }

  /** Go to a row. The keys that follow are meant for it, and wait for it. */
  async #go(text: string): Promise<void> {
    const { ask, navigator, screen, typed } = this.#parts;
    screen.dialogs.close();
    if (this.#applying) {
      // Where the row stands depends on what is shown; until then the keys are held already.
      await this.#applying;
    }
    const matters = navigator.wait();
    const reply = await ask({ ask: 'find', text });
    if (!matters()) {
      return;
    }
    if (reply.card) {
      navigator.goToCard(reply.card, reply.start ?? null);
    } else {
      typed.forget();
      this.openJump(text, reply.error ?? 'That row was not found.');
    }
  }
}
