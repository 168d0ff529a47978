// Decisions without an answer, because the kernel was gone or died before it spoke. They stay in the page, and the next
// view of the same log, from the cell that is run again, sends them; those that are on disk already are not written twice.
import type { Decision } from '../contract';

// Each widget loads this module anew, so what they share hangs on the page.
const PLACE = Symbol.for('dcai.review.unsent');

export function leave(log: string, decisions: Decision[]): void {
  // What undo, redo and accept would mean to another session is not known.
  const kept = decisions.filter(d => !['undo', 'redo', 'accept'].includes(d.verdict));
  if (kept.length) {
    store().set(log, [...(store().get(log) ?? []), ...kept]);
  }
}

/** Take what was left for a log; it is taken once. */
export function takeUp(log: string): Decision[] {
  const left = store().get(log) ?? [];
  store().delete(log);
  return left;
}

function store(): Map<string, Decision[]> {
  const page = globalThis as { [PLACE]?: Map<string, Decision[]> };
  page[PLACE] ??= new Map();
  return page[PLACE];
}
