// Which part of the queue is looked at: the filter that was chosen, and going to a row wherever it stands.
import type { Facets, Filter } from '../contract';
import type { Bar } from './bar';
import { ALL, FilterDialog, isAll } from './filter';
import { Jump } from './jump';
import type { Navigator } from './navigator';
import type { Ask, Queue } from './queue';
import type { Screen } from './screen';

export interface SieveParts {
  ask: Ask;
  queue: Queue;
  navigator: Navigator;
  screen: Screen;
  bar: Bar;
}

export class Sieve {
  #parts: SieveParts;
  #filter = ALL;
  #facets: Promise<Facets> | undefined;
  /** Titles of columns and pairs by the names that Python knows them by. */
  #titles = new Map<string, string>();

  constructor(parts: SieveParts) {
    this.#parts = parts;
  }

  open(): void {
    const { dialogs } = this.#parts.screen;
    this.#facets ??= this.#fetchFacets();
    // A failed question is asked again the next time.
    this.#facets.catch(() => {
      this.#facets = undefined;
    });
    dialogs.show(
      new FilterDialog({
        filter: this.#filter,
        facets: this.#facets,
        onApply: filter => {
          dialogs.close();
          this.#apply(filter);
        },
        onClose: () => dialogs.close()
      })
    );
  }

  openJump(): void {
    const { dialogs } = this.#parts.screen;
    dialogs.show(new Jump({ onGo: text => this.#go(text), onClose: () => dialogs.close() }));
  }

  /** Show the whole queue again. */
  clear(): void {
    this.#apply(ALL);
  }

  async #fetchFacets(): Promise<Facets> {
    const reply = await this.#parts.ask({ ask: 'facets' });
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
    this.#begin();
  }

  /** Begin at the first open finding; where only decided ones are asked for, at the first. */
  #begin(): void {
    const { queue, navigator } = this.#parts;
    if (!queue.total) {
      navigator.finish();
    } else if (this.#filter.state === 'decided') {
      navigator.select(0);
    } else {
      navigator.advance(0);
    }
  }

  async #go(text: string): Promise<string> {
    const { ask, navigator, screen } = this.#parts;
    const reply = await ask({ ask: 'find', text });
    if (reply.error || !reply.card) {
      return reply.error ?? 'That row was not found.';
    }
    screen.dialogs.close();
    navigator.goToCard(reply.card, reply.start ?? null);
    return '';
  }
}
