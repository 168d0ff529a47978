// Keys that were pressed before their row was here wait for it, in order, as in a terminal; but not for ever, since
// nobody remembers what a key of long ago was meant for. Those that are dropped are counted aloud.
import type { Action, ActionName } from './keys';

export const MEMORY = 10_000;
const OPENS: ActionName[] = ['search', 'edit', 'ambiguous', 'note', 'define', 'merge'];

export class TypeAhead {
  #paused = false;
  #waiting: { action: Action; at: number }[] = [];
  #act: (action: Action) => void;

  #onDrop: (count: number) => void;

  constructor(act: (action: Action) => void, onDrop: (count: number) => void) {
    this.#act = act;
    this.#onDrop = onDrop;
  }

  take(action: Action): void {
    if (this.#paused) {
      this.#waiting.push({ action, at: Date.now() });
    } else {
      this.#act(action);
    }
  }

  pause(): void {
    this.#paused = true;
  }

  /** Do what waits, until something pauses again. */
  resume(): void {
    this.#paused = false;
    // They came in order, so the old ones are the first ones.
    this.#drop(this.#waiting.filter(w => Date.now() - w.at > MEMORY).length);
    while (!this.#paused) {
      const next = this.#waiting.shift();
      if (!next) {
        return;
      }
      this.#act(next.action);
      if (OPENS.includes(next.action.name)) {
        // What follows was typed for a dialog or a text field that was not there yet.
        this.#drop(this.#waiting.length);
      }
    }
  }

  /** What waits was meant for something that did not come about, or for a text field: it must not decide. */
  forget(): void {
    this.#paused = false;
    this.#drop(this.#waiting.length);
  }

  /** Forget the first ones that wait, aloud. */
  #drop(count: number): void {
    if (count) {
      this.#waiting.splice(0, count);
      this.#onDrop(count);
    }
  }
}
