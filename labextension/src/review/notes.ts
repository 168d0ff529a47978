// Notes that are written and belong to no decision yet. They stay with their finding, also when the page is loaded anew.
// Each has a place of its own in the store: two views of one log do not overwrite each other's, and reviewers see their own.
import { store } from './unsent';

export class Notes {
  #places: string;
  /** What the store could not take. */
  #kept = new Map<string, string>();

  constructor(log: string, by: string) {
    this.#places = `dcai.review.notes:${JSON.stringify([log, by])}:`;
  }

  get(finding: string): string | undefined {
    return this.#kept.get(finding) ?? store()[this.#places + finding];
  }

  set(finding: string, note: string): void {
    this.#kept.delete(finding);
    try {
      store()[this.#places + finding] = note;
    } catch (error) {
      this.#kept.set(finding, note);
      console.warn('dcai: a note could not be kept for a reload', error);
    }
  }

  delete(finding: string): void {
    this.#kept.delete(finding);
    delete store()[this.#places + finding];
  }
}
