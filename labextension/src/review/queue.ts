// The queue as the browser knows it: pages of it, loaded when they are looked at, and what became of each finding.
import type { QueueItem, Reply, Request } from '../contract';

export const PAGE = 100;

/** What stands about a finding where reviewers disagree. */
export const DISPUTED = 'disputed';

export interface Status {
  verdict: string;
  state: 'pending' | 'saved' | 'error' | 'disputed';
  message?: string;
}

export type Ask = (question: Omit<Request, 'seq'>) => Promise<Reply>;

export class Queue {
  total: number;
  /** The part of the queue that is looked at, as Python numbers it; 0 is the whole queue. */
  view = 0;
  #ask: Ask;
  #pages = new Map<number, QueueItem[]>();
  #loading = new Map<number, Promise<void>>();
  #positions = new Map<string, number>();
  #open = new Map<string, Status>();
  onChange: () => void = () => undefined;

  constructor(ask: Ask, total: number) {
    this.#ask = ask;
    this.total = total;
  }

  /** Look at another part of the queue. What is on its way stays known. */
  show(view: number, total: number): void {
    this.view = view;
    this.total = total;
    this.#pages.clear();
    this.#loading.clear();
    this.#positions.clear();
    this.onChange();
  }

  /** The item at a position, if its page is here. */
  at(position: number): QueueItem | undefined {
    return this.#pages.get(Math.floor(position / PAGE))?.[position % PAGE];
  }

  positionOf(finding: string): number | undefined {
    return this.#positions.get(finding);
  }

  /** What became of a finding: what is on its way, or what stands. */
  status(item: QueueItem): Status | undefined {
    return this.statusOf(item.finding, item.decided);
  }

  /** The same of a finding that may stand outside of the filter; `decided` is what Python said of it. */
  statusOf(finding: string, decided: string | null): Status | undefined {
    const place = this.#positions.get(finding);
    const known = place === undefined ? undefined : this.at(place);
    const verdict = known ? known.decided : decided;
    const stands: Status | undefined = verdict
      ? { verdict, state: verdict === DISPUTED ? 'disputed' : 'saved' }
      : undefined;
    return this.#open.get(finding) ?? stands;
  }

  /** True where nothing is decided, or reviewers disagree, and nothing is on its way. */
  isOpen(item: QueueItem): boolean {
    const status = this.status(item);
    return !status || status.state === 'error' || status.state === 'disputed';
  }

  /** Note a decision on its way, or one that failed; null forgets it. */
  mark(finding: string, status: Status | null): void {
    if (status) {
      this.#open.set(finding, status);
    } else {
      this.#open.delete(finding);
    }
    this.onChange();
  }

  /** Take over what Python says is decided. A decision that is still on its way stays in sight. */
  settle(decided: Record<string, string | null>): void {
    for (const [finding, verdict] of Object.entries(decided)) {
      if (this.#open.get(finding)?.state === 'error') {
        this.#open.delete(finding);
      }
      const position = this.#positions.get(finding);
      const item = position === undefined ? undefined : this.at(position);
      if (item) {
        item.decided = verdict;
      }
    }
    this.onChange();
  }

  /** Load the pages of the positions from `first` to `last`; those that are here or on their way are not asked for. */
  load(first: number, last: number = first): Promise<unknown> {
    const pages: Promise<void>[] = [];
    const end = Math.min(last, this.total - 1);
    for (let page = Math.floor(Math.max(0, first) / PAGE); page * PAGE <= end; page++) {
      pages.push(this.#loadPage(page));
    }
    return Promise.all(pages);
  }

  #loadPage(page: number): Promise<void> {
    if (this.#pages.has(page)) {
      return Promise.resolve();
    }
    const known = this.#loading.get(page);
    if (known) {
      return known;
    }
    const loading = this.#fetchPage(page).finally(() => {
      if (this.#loading.get(page) === loading) {
        this.#loading.delete(page);
      }
    });
    this.#loading.set(page, loading);
    return loading;
  }

  async #fetchPage(page: number): Promise<void> {
    const { view } = this;
    const reply = await this.#ask({ ask: 'page', start: page * PAGE, count: PAGE });
    if (view !== this.view) {
      return;
    }
    if (reply.error || !reply.items) {
      throw new Error(reply.error ?? 'A page of the queue came without items.');
    }
    this.total = reply.total ?? this.total;
    this.#pages.set(page, reply.items);
    reply.items.forEach((item, i) => {
      this.#positions.set(item.finding, page * PAGE + i);
    });
    this.onChange();
  }

  /** The next open position from `from` on, round the end. Null where there is none. */
  async next(from: number): Promise<number | null> {
    let position = this.total ? from % this.total : 0;
    for (let left = this.total; left > 0; ) {
      const item = this.at(position);
      if (item && this.isOpen(item)) {
        return position;
      }
      // Python looks through what is not loaded here.
      const found: number | null = item ? (position + 1) % this.total : await this.#askNext(position);
      if (found === null) {
        return null;
      }
      left -= item ? 1 : (found - position + this.total) % this.total;
      position = found;
    }
    return null;
  }

  /** Open positions after `from` whose items are here: the cards that are wanted soon. */
  soon(from: number, count: number): QueueItem[] {
    const items: QueueItem[] = [];
    for (let position = from; items.length < count; position++) {
      const item = this.at(position);
      if (!item) {
        break;
      }
      if (this.isOpen(item)) {
        items.push(item);
      }
    }
    return items;
  }

  async #askNext(start: number): Promise<number | null> {
    const reply = await this.#ask({ ask: 'next', start });
    if (reply.error) {
      throw new Error(reply.error);
    }
    if (reply.start === null || reply.start === undefined) {
      return null;
    }
    await this.load(reply.start);
    return this.at(reply.start) ? reply.start : null;
  }
}
