// The dialog about the classes: what each means, with examples and borderline cases, to read and to edit.
import type { Definition, Scalar } from '../contract';
import { type Dialog, frame } from './dialog';
import { el, fill } from './dom';
import type { Pressed } from './keys';
import { toLine, toText } from './value';

export interface Defining {
  classes: Scalar[];
  definitions: Definition[];
  /** The class that is shown first. */
  first: Scalar;
  /** Write it down; what is resolved is why not, empty if it went well. */
  onSave(definition: Definition): Promise<string>;
  onClose(): void;
}

export class Define implements Dialog {
  readonly node: HTMLElement;
  #defining: Defining;
  #known: Map<string, Definition>;
  #classes: HTMLSelectElement;
  #meaning = area('Meaning', 'what belongs to this class, in a sentence or two', 3);
  #examples = area('Examples', 'clear cases, one on each line', 3);
  #borderline = area('Borderline', 'close cases and where they belong, one on each line', 3);
  #said = el('p', { class: 'dcai-review-hint', role: 'status' });

  constructor(defining: Defining) {
    this.#defining = defining;
    this.#known = new Map(defining.definitions.map(d => [toText(d.name), d]));
    this.#classes = el('select', { class: 'dcai-review-input', 'aria-label': 'Class' });
    this.#classes.append(
      ...defining.classes.map((name, i) =>
        el(
          'option',
          { value: i },
          toLine(toText(name), 60) + (this.#known.has(toText(name)) ? '' : ' (not written down)')
        )
      )
    );
    this.#classes.value = String(Math.max(0, defining.classes.indexOf(defining.first)));
    this.#classes.addEventListener('change', () => this.#load());
    const save = el('button', { type: 'button', class: 'dcai-review-button is-main' }, 'Save');
    save.addEventListener('click', () => this.#save());
    this.node = frame(
      'What the classes mean',
      'Kept in dcai.yaml for everyone who reviews; each decision names the version. Ctrl+Enter saves · Esc closes',
      defining.onClose,
      field('Class', this.#classes),
      field('Meaning', this.#meaning),
      field('Examples', this.#examples),
      field('Borderline', this.#borderline),
      this.#said,
      el('div', { class: 'dcai-review-dialog-actions' }, save)
    );
    this.#load();
  }

  focus(): void {
    this.#meaning.focus();
  }

  onKey(pressed: Pressed): boolean {
    const saves = pressed.key === 'Enter' && Boolean(pressed.ctrlKey || pressed.metaKey);
    if (saves) {
      this.#save();
    }
    return saves;
  }

  get #name(): Scalar {
    return this.#defining.classes[Number(this.#classes.value)] ?? null;
  }

  #load(): void {
    const known = this.#known.get(toText(this.#name));
    this.#meaning.value = known?.meaning ?? '';
    this.#examples.value = (known?.examples ?? []).join('\n');
    this.#borderline.value = (known?.borderline ?? []).join('\n');
    fill(this.#said);
  }

  #save(): void {
    const definition = {
      name: this.#name,
      meaning: this.#meaning.value.trim(),
      examples: lines(this.#examples.value),
      borderline: lines(this.#borderline.value)
    };
    fill(this.#said, 'Saving …');
    this.#defining.onSave(definition).then(error => {
      if (!error) {
        this.#known.set(toText(definition.name), definition);
      }
      fill(this.#said, error || 'Saved in dcai.yaml.');
    });
  }
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(Boolean);
}

function area(name: string, placeholder: string, rows: number): HTMLTextAreaElement {
  return el('textarea', { class: 'dcai-review-input', rows, placeholder, 'aria-label': name });
}

function field(words: string, input: HTMLElement): HTMLElement {
  return el('label', { class: 'dcai-review-field is-flat' }, el('span', {}, words), input);
}
