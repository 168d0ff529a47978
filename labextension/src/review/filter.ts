// The dialog that says which findings of the queue are shown, and in which order.
import type { Facet, Facets, Filter } from '../contract';
import { type Dialog, frame } from './dialog';
import { el, fill } from './dom';
import type { Pressed } from './keys';
import { nameOf } from './list';
import { toCount, toLine } from './value';

type Field = 'detector' | 'column' | 'pair' | 'state' | 'order';

export const ALL: Filter = { detector: '', column: '', pair: '', state: '', text: '', order: 'doubt' };

const STATES: [string, string][] = [
  ['', 'open and decided'],
  ['open', 'open'],
  ['disputed', 'disputed: reviewers disagree'],
  ['decided', 'decided']
];
const ORDERS: [string, string][] = [
  ['doubt', 'worst first'],
  ['row', 'by row'],
  ['column', 'by column'],
  ['kind', 'findings of one kind together']
];

export interface Filtering {
  filter: Filter;
  /** What columns and changes of class are called, as far as it is known. */
  titles: Map<string, string>;
  /** What there is to choose from whose names hold a text; of very much, the most frequent. */
  facets(text: string): Promise<Facets>;
  onApply(filter: Filter): void;
  onClose(): void;
}

export class FilterDialog implements Dialog {
  readonly node: HTMLElement;
  #filtering: Filtering;
  #text: HTMLInputElement;
  #selects = new Map<Field, HTMLSelectElement>();
  #error = el('p', { class: 'dcai-review-failure', role: 'alert' });
  #narrow = el('input', {
    type: 'search',
    class: 'dcai-review-input',
    'aria-label': 'Narrow the lists down',
    autocomplete: 'off',
    spellcheck: 'false'
  });
  #narrowed: HTMLElement;
  /** Grows with every question, so that an answer that came late is dropped. */
  #asked = 0;

  constructor(filtering: Filtering) {
    this.#filtering = filtering;
    this.#text = el('input', {
      type: 'search',
      class: 'dcai-review-input',
      'aria-label': 'Text to look for',
      placeholder: 'words of the finding or of its row',
      autocomplete: 'off',
      spellcheck: 'false'
    });
    this.#text.value = filtering.filter.text ?? '';
    const apply = el('button', { type: 'button', class: 'dcai-review-button is-main' }, 'Show these');
    const all = el('button', { type: 'button', class: 'dcai-review-button' }, 'Show all');
    apply.addEventListener('click', () => this.#apply());
    all.addEventListener('click', () => filtering.onApply(ALL));
    this.#narrowed = this.#field('Narrow', this.#narrow);
    this.#narrowed.hidden = true;
    this.#narrow.addEventListener('input', () => this.#fetch());
    this.node = frame(
      'Filter, search and sort',
      'Enter shows them · Tab moves · Esc closes',
      filtering.onClose,
      this.#field('Text', this.#text),
      this.#choice('detector', 'Found by', [['', 'any detector']]),
      this.#choice('column', 'Column', [['', 'any column']]),
      this.#choice('pair', 'Class', [['', 'any change of class']]),
      this.#narrowed,
      this.#choice('state', 'State', STATES),
      this.#choice('order', 'Order', ORDERS),
      this.#error,
      el('div', { class: 'dcai-review-dialog-actions' }, all, apply)
    );
    this.#fetch();
  }

  focus(): void {
    this.#text.focus();
    this.#text.select();
  }

  onKey(pressed: Pressed): boolean {
    if (pressed.key !== 'Enter' || pressed.isComposing) {
      return false;
    }
    this.#apply();
    return true;
  }

  #apply(): void {
    const value = (field: Field) => this.#selects.get(field)?.value ?? '';
    this.#filtering.onApply({
      detector: value('detector'),
      column: value('column'),
      pair: value('pair'),
      state: value('state') as Filter['state'],
      order: value('order') as Filter['order'],
      text: this.#text.value.trim()
    });
  }

  #choice(field: Field, words: string, options: [string, string][]): HTMLElement {
    const { filter, titles } = this.#filtering;
    const chosen = filter[field] ?? '';
    // What was chosen before is there at once: a quick hand does not wait for the lists.
    const known = options.some(([value]) => value === chosen);
    const before = field === 'detector' ? nameOf(chosen) : toLine(titles.get(chosen) ?? chosen, 90);
    const listed: [string, string][] = known ? options : [...options, [chosen, before]];
    const select = el('select', { class: 'dcai-review-input', 'aria-label': words });
    select.append(...listed.map(([value, text]) => el('option', { value }, text)));
    select.value = chosen;
    this.#selects.set(field, select);
    return this.#field(words, select);
  }

  #field(words: string, input: HTMLElement): HTMLElement {
    return el('label', { class: 'dcai-review-field is-flat' }, el('span', {}, words), input);
  }

  /** Fetch what there is to choose from. */
  #fetch(): void {
    const asked = ++this.#asked;
    this.#filtering.facets(this.#narrow.value.trim()).then(
      facets => asked === this.#asked && this.#fill(facets),
      error => fill(this.#error, (error as Error).message)
    );
  }

  #fill(facets: Facets): void {
    const { detectors, columns, pairs, totals = {} } = facets;
    const cut = (totals.columns ?? 0) > columns.length || (totals.pairs ?? 0) > pairs.length;
    this.#narrowed.hidden &&= !cut;
    const all = Math.max(totals.columns ?? 0, totals.pairs ?? 0);
    this.#narrow.placeholder = `part of a name: ${toCount(all, 'entry', 'entries')}, not all are listed`;
    if (this.#asked === 1) {
      this.#add('detector', detectors, facet => nameOf(facet.name));
    }
    this.#add('column', columns, facet => toLine(facet.title, 60));
    this.#add('pair', pairs, facet => toLine(facet.title, 90));
  }

  /** List what can be chosen, after what stands for all of it; what is chosen stays. */
  #add(field: Field, facets: Facet[], word: (facet: Facet) => string): void {
    const select = this.#selects.get(field);
    if (!select) {
      return;
    }
    const chosen = select.value;
    const kept = [...select.options].find(option => option.value === chosen && chosen !== '');
    const options = facets.map(f => el('option', { value: f.name }, `${word(f)} (${f.count.toLocaleString('en-US')})`));
    const there = facets.some(f => f.name === chosen);
    fill(select, select.options[0], !there && kept, ...options);
    select.value = chosen;
    select.disabled = select.options.length === 1;
  }
}

/** What a filter lets pass, in words; `titles` are those of columns and pairs by their names. */
export function toWords(filter: Filter, titles: Map<string, string>): string {
  const title = (name: string) => toLine(titles.get(name) ?? name, 40);
  const words = [
    filter.state,
    filter.detector && nameOf(filter.detector),
    filter.column && title(filter.column),
    filter.pair && title(filter.pair),
    filter.text && `“${toLine(filter.text, 30)}”`,
    filter.order !== 'doubt' && ORDERS.find(([name]) => name === filter.order)?.[1]
  ];
  return words.filter(Boolean).join(' · ');
}

/** True for the filter that lets all pass, in the queue's own order. */
export function isAll(filter: Filter): boolean {
  return toWords(filter, new Map()) === '';
}
