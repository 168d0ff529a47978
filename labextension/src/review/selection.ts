// The finding that is looked at, shared with Python: users may observe it, and set it.
import type { Model } from './app';

/** A quick hand passes many rows; only where it rests is reported. */
const REST = 250;

export class Selection {
  #model: Model;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reporting = false;
  #shown = '';
  #onSelect: (finding: string) => void;

  constructor(model: Model, onSelect: (finding: string) => void) {
    this.#model = model;
    this.#onSelect = onSelect;
    model.on('change:selected', this.#onChange);
  }

  /** The finding that Python knows as selected; empty for none. */
  get start(): string {
    const selected = this.#model.get('selected');
    return typeof selected === 'string' ? selected : '';
  }

  report(finding: string): void {
    this.#shown = finding;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (finding !== this.start) {
        this.#reporting = true;
        this.#model.set('selected', finding);
        this.#reporting = false;
        this.#model.save_changes();
      }
    }, REST);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#model.off('change:selected', this.#onChange);
  }

  #onChange = (): void => {
    const selected = this.start;
    if (!this.#reporting && selected && selected !== this.#shown) {
      this.#onSelect(selected);
    }
  };
}
