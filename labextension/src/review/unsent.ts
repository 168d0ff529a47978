// Decisions without an answer, because the kernel was gone or died before it spoke, or the page was left. They stay in the
// browser's store of this tab, and the next view of the same log and reviewer sends them, in order and under their names;
// those that are on disk already are not written twice.
import type { Decision } from '../contract';
import { forgetPending } from './pending';

/** What a decision is about: the row of its finding (-1 for none), and whether it settles that finding. */
export interface About {
  row: number;
  settles: boolean;
}

export interface Kept {
  decision: Decision;
  about: About;
}

interface Entry {
  by: string;
  /** When it was written, to tell which was left first. */
  at: number;
  kept: Kept[];
}

const PREFIX = 'dcai.review.unsent';
// Each widget loads this module anew, so what they share hangs on the page: the views that are open now, and a store
// for where the browser gives none.
const OPEN = Symbol.for('dcai.review.open');
const MEMORY = Symbol.for('dcai.review.memory');
const page = globalThis as { [OPEN]?: Set<string>; [MEMORY]?: Record<string, string> };

export class Unsent {
  #log: string;
  #by: string;
  #name: string;

  /** The store of one view, which has a name of its own. */
  constructor(log: string, by: string, name: string) {
    this.#log = `${PREFIX}:${log}:`;
    this.#by = by;
    this.#name = name;
    openViews().add(name);
  }

  /** Keep what is unanswered now. */
  write(kept: Kept[]): void {
    const place = this.#log + this.#name;
    if (kept.length) {
      put(place, { by: this.#by, at: Date.now(), kept });
    } else {
      delete store()[place];
    }
  }

  /** Take what closed views of the same reviewer have left, oldest first. */
  take(): Kept[] {
    const own = this.#left().filter(entry => entry.by === this.#by);
    for (const { place } of own) {
      delete store()[place];
      forgetPending(place.slice(this.#log.length));
    }
    return own.flatMap(entry => entry.kept);
  }

  /** The other reviewers of whom something is left. */
  others(): string[] {
    const names = this.#left().map(entry => entry.by);
    return [...new Set(names)].filter(by => by !== this.#by);
  }

  /** The view is closed: another may take what it has left. */
  release(): void {
    openViews().delete(this.#name);
  }

  #left(): (Entry & { place: string })[] {
    return Object.keys(store())
      .filter(place => place.startsWith(this.#log) && !openViews().has(place.slice(this.#log.length)))
      .map(place => ({ place, ...read(place) }))
      .filter(entry => entry.kept.length > 0)
      .sort((a, b) => a.at - b.at);
  }
}

function openViews(): Set<string> {
  page[OPEN] ??= new Set();
  return page[OPEN];
}

/** The store of this browser tab, which outlives a reload; a frame that has none gets one that does not. */
export function store(): Record<string, string> {
  try {
    return globalThis.sessionStorage as unknown as Record<string, string>;
  } catch {
    page[MEMORY] ??= {};
    return page[MEMORY];
  }
}

function put(place: string, entry: Entry): void {
  try {
    store()[place] = JSON.stringify(entry);
  } catch (error) {
    // The store is full. The decision is sent all the same, and is in sight until it is answered.
    console.warn('dcai: unsent decisions could not be kept for a reload', error);
  }
}

/** What stands at a place of the store; nothing, where it is not as it is written here. */
function read(place: string): Entry {
  try {
    const entry = JSON.parse(store()[place] ?? '') as Entry;
    return Array.isArray(entry.kept) ? entry : { by: '', at: 0, kept: [] };
  } catch {
    return { by: '', at: 0, kept: [] };
  }
}
