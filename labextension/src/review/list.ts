// The queue on screen: only the lines in sight are elements, so a hundred thousand findings scroll as ten do.
import type { QueueItem, Scalar } from '../contract';
import { classes, el, fill, setAttribute } from './dom';
import type { Queue, Status } from './queue';
import { toLine, toPercent, toText } from './value';

export const LINE = 46;
const SPARE = 6;
/** Browsers draw no element taller than some 17 million pixels; a longer queue scrolls in proportion. */
const TALLEST = 12_000_000;

const NAMES: Record<string, string> = {
  labels: 'label in doubt',
  conflicts: 'conflicting labels',
  label_names: 'label name',
  outliers: 'outlier',
  duplicates: 'duplicate',
  near_duplicates: 'near duplicate',
  missing: 'missing value',
  variants: 'spelling variant',
  patterns: 'odd format',
  ranges: 'out of range',
  dependencies: 'broken dependency',
  rules: 'broken rule',
  images: 'image',
  personal_data: 'personal data'
};
const DONE: Record<string, string> = {
  keep: 'kept',
  relabel: 'relabelled',
  edit: 'edited',
  exclude: 'excluded',
  ambiguous: 'ambiguous',
  unsure: 'unsure',
  accept: 'accepted',
  undo: 'undone',
  redo: 'redone'
};

export function nameOf(detector: string): string {
  return NAMES[detector] ?? toLine(detector.replaceAll('_', ' '), 40);
}

export function pastOf(verdict: string): string {
  return DONE[verdict] ?? verdict;
}

export class List {
  readonly node: HTMLElement;
  #queue: Queue;
  #inner: HTMLElement;
  #lines = new Map<number, HTMLElement>();
  /** What each line shows, so that only what changed is drawn again. */
  #looks = new WeakMap<HTMLElement, string>();
  #selected = -1;
  #id: string;
  #observer: ResizeObserver | undefined;

  constructor(queue: Queue, id: string, onSelect: (position: number) => void) {
    this.#queue = queue;
    this.#id = id;
    this.#inner = el('div', { class: 'dcai-review-lines', role: 'presentation' });
    this.node = el(
      'div',
      { class: 'dcai-review-queue', role: 'listbox', 'aria-label': 'Queue of findings, worst first' },
      this.#inner
    );
    this.node.addEventListener('scroll', () => this.draw());
    this.node.addEventListener('click', ev => {
      const line = (ev.target as Element).closest<HTMLElement>('[data-position]');
      if (line) {
        onSelect(Number(line.dataset.position));
      }
    });
    if (typeof ResizeObserver !== 'undefined') {
      this.#observer = new ResizeObserver(() => this.draw());
      this.#observer.observe(this.node);
    }
  }

  close(): void {
    this.#observer?.disconnect();
  }

  /** The id of the selected line's element. */
  get activeId(): string {
    return `${this.#id}-${this.#selected}`;
  }

  select(position: number): void {
    this.#selected = position;
    const top = position * LINE;
    const height = this.#height;
    const from = this.#first * LINE;
    if (top < from || top + LINE > from + height) {
      this.#scrollTo(top - height / 2 + LINE / 2);
    }
    this.draw();
  }

  /** Draw the lines in sight, and load their pages. */
  draw(): void {
    const { total } = this.#queue;
    this.#inner.style.height = `${Math.min(total * LINE, TALLEST)}px`;
    const first = this.#first;
    const from = Math.max(0, Math.floor(first) - SPARE);
    const to = Math.min(total - 1, Math.ceil(first + this.#height / LINE) + SPARE);
    for (const [position, line] of this.#lines) {
      if (position < from || position > to) {
        line.remove();
        this.#lines.delete(position);
      }
    }
    const shift = this.node.scrollTop - first * LINE;
    for (let position = from; position <= to; position++) {
      this.#drawLine(position, position * LINE + shift);
    }
    if (to >= from) {
      this.#queue.load(from, to).catch(error => console.warn('dcai: a page of the queue did not load', error));
    }
  }

  get #height(): number {
    // Before it is laid out an element has no height; a first page is drawn anyway.
    return this.node.clientHeight || 10 * LINE;
  }

  /** How far the scroll bar moves, and how far the lines do: the same unless the queue is too tall. */
  get #ranges(): [bar: number, lines: number] {
    const whole = this.#queue.total * LINE;
    return [Math.max(1, Math.min(whole, TALLEST) - this.#height), Math.max(1, whole - this.#height)];
  }

  get #first(): number {
    const [bar, lines] = this.#ranges;
    return (this.node.scrollTop * (lines / bar)) / LINE;
  }

  #scrollTo(top: number): void {
    const [bar, lines] = this.#ranges;
    this.node.scrollTop = Math.max(0, top) * (bar / lines);
  }

  #drawLine(position: number, top: number): void {
    const line = this.#lines.get(position) ?? this.#makeLine(position);
    const item = this.#queue.at(position);
    const status = item && this.#queue.status(item);
    const selected = position === this.#selected;
    line.style.transform = `translateY(${top}px)`;
    setAttribute(line, 'aria-selected', String(selected));
    setAttribute(line, 'aria-setsize', this.#queue.total);
    const look = JSON.stringify([item?.finding, status, selected]);
    if (this.#looks.get(line) !== look) {
      this.#looks.set(line, look);
      line.className = classes('dcai-review-line', selected && 'is-selected', status && `is-${status.state}`);
      fill(line, ...(item ? content(item, status) : [el('span', { class: 'dcai-review-faint' }, 'loading …')]));
    }
  }

  #makeLine(position: number): HTMLElement {
    const line = el('div', {
      id: `${this.#id}-${position}`,
      role: 'option',
      'data-position': position,
      'aria-posinset': position + 1
    });
    this.#lines.set(position, line);
    this.#inner.append(line);
    return line;
  }
}

function content(item: QueueItem, status: Status | undefined): HTMLElement[] {
  const whole = item.column === null && item.given === null;
  const values = el('bdi', {}, whole ? 'the row as a whole' : toShort(item.given));
  const repair = item.suggested === null ? [] : [' → ', el('bdi', {}, toShort(item.suggested))];
  const doubt = toPercent(item.doubt);
  return [
    el(
      'div',
      { class: 'dcai-review-line-top' },
      el('span', { class: 'dcai-review-line-row' }, `Row ${item.row.toLocaleString('en-US')}`),
      el('span', { class: 'dcai-review-line-what' }, what(item)),
      status ? badge(status) : el('span', { class: 'dcai-review-faint', title: `doubt ${doubt}` }, doubt)
    ),
    el('div', { class: classes('dcai-review-line-values', item.given === null && 'is-empty') }, values, ...repair)
  ];
}

function toShort(value: Scalar): string {
  return value === '' ? 'empty text' : toLine(toText(value), 60);
}

function what(item: QueueItem): string {
  const name = nameOf(item.detector);
  return item.column === null || item.detector === 'labels' ? name : `${name} · ${toLine(item.column, 40)}`;
}

/** What became of a finding: a sign and a word, so that colour is not needed to tell. */
export function badge(status: Status): HTMLElement {
  const [sign, word] = {
    pending: ['…', `${pastOf(status.verdict)}, saving`],
    saved: ['✓', pastOf(status.verdict)],
    error: ['!', 'not saved'],
    disputed: ['⇄', 'disputed']
  }[status.state] as [string, string];
  return el(
    'span',
    { class: classes('dcai-review-badge', `is-${status.state}`), title: status.message },
    el('span', { class: 'dcai-review-sign', 'aria-hidden': 'true' }, sign),
    word
  );
}
