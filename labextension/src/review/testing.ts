// A stand-in for Python, for the tests of the front end: it keeps decisions as the session does, and can be silent.
import type {
  Answer,
  Card,
  Cluster,
  Decision,
  Facets,
  Filter,
  Progress,
  QueueItem,
  Reply,
  Request,
  Scalar,
  ShownRow,
  Terms
} from '../contract';
import type { Model } from './app';

type Listener = (content: unknown) => void;

export interface FakeOptions {
  total?: number;
  card?: (item: QueueItem) => Partial<Card>;
  item?: (position: number) => Partial<QueueItem>;
  /** The rows most like any one. */
  near?: ShownRow[];
  /** Refuse a decision with a sentence. */
  refuse?: (decision: Decision) => string | undefined;
  cluster?: Cluster;
  terms?: Partial<Terms>;
  by?: string;
  people?: string[];
  /** What is said of a decision beside its answer. */
  told?: (decision: Decision) => string | undefined;
  facets?: (text: string) => Facets;
}

export class FakeModel implements Model {
  readonly sent: (Decision | Request)[] = [];
  readonly log: { finding: string; verdict: string; value: unknown; note: string }[] = [];
  /** While true, messages are taken but not answered. */
  silent = false;
  /** While true, messages are lost on their way. */
  lost = false;
  /** While true, sending fails as it does when the kernel is gone. */
  gone = false;
  #items: QueueItem[];
  #options: FakeOptions;
  /** The errors of the decisions that were answered, by their names. */
  #known = new Map<string, string | undefined>();
  /** Decisions that came before the one that they follow. */
  #held: Decision[] = [];
  #undone: FakeModel['log'] = [];
  #terms: Terms;
  /** Number 0 is the whole queue. */
  #views: QueueItem[][] = [[]];
  #traits: Record<string, unknown>;
  #listeners = new Map<string, Set<Listener>>();

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.#terms = { definitions: [], version: '', masked: [], blind: false, remarks: [], ...options.terms };
    this.#items = Array.from({ length: options.total ?? 3 }, (_, i) => ({
      finding: `f${i}`,
      row: 10 + i,
      detector: 'labels',
      column: 'label',
      given: 'cat',
      suggested: 'dog',
      doubt: 0.9,
      decided: null,
      ...options.item?.(i)
    }));
    this.#traits = { total: this.#items.length, selected: '', progress: this.progress };
  }

  get progress(): Progress {
    const decided = this.#items.filter(i => i.decided).length;
    const total = this.#items.length;
    return {
      total,
      decided,
      left: total - decided,
      corrections: this.log.length,
      can_undo: this.log.length > 0,
      can_redo: this.#undone.length > 0,
      saved_to: 'corrections/label.jsonl',
      by: this.#options.by ?? 'ada'
    };
  }

  get decisions(): Decision[] {
    return this.sent.filter((m): m is Decision => 'verdict' in m);
  }

  get(name: string): unknown {
    return this.#traits[name];
  }

  set(name: string, value: unknown): void {
    this.#traits[name] = value;
    this.#tell(`change:${name}`, value);
  }

  save_changes(): void {}

  on(event: string, callback: Listener): void {
    this.#listeners.set(event, (this.#listeners.get(event) ?? new Set()).add(callback));
  }

  off(event: string, callback: Listener): void {
    this.#listeners.get(event)?.delete(callback);
  }

  listeners(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  send(content: unknown): void {
    if (this.gone) {
      throw new Error('Cannot send');
    }
    const message = structuredClone(content) as Decision | Request;
    this.sent.push(message);
    if (!this.silent && !this.lost) {
      queueMicrotask(() => this.answer(message));
    }
  }

  answer(message: Decision | Request): void {
    if ('ask' in message) {
      this.#tell('msg:custom', structuredClone(this.#reply(message)));
      return;
    }
    if (message.after && !this.#known.has(message.after)) {
      this.#held.push(message);
      return;
    }
    this.#tell('msg:custom', structuredClone({ seq: message.seq, ...this.#decide(message) }));
    const next = this.#held.find(m => m.after === message.client_id);
    if (next) {
      this.#held = this.#held.filter(m => m !== next);
      this.answer(next);
    }
  }

  /** What Python sends when a decision is made in a cell. */
  broadcast(decided: Record<string, string | null>): void {
    for (const item of this.#items) {
      item.decided = decided[item.finding] ?? item.decided;
    }
    this.#tell('msg:custom', { seq: -1, decided, progress: this.progress });
  }

  #tell(event: string, content: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      listener(content);
    }
  }

  #decide(decision: Decision): Omit<Answer, 'seq'> {
    const again = this.#known.has(decision.client_id);
    const error = again ? this.#known.get(decision.client_id) : this.#options.refuse?.(decision);
    const decided = error ? {} : again ? this.#stand(decision.finding) : this.#settle(decision);
    this.#known.set(decision.client_id, error);
    return error
      ? { error, decided, progress: this.progress }
      : { id: `c${this.log.length}`, decided, progress: this.progress, told: this.#options.told?.(decision) ?? '' };
  }

  /** What stands about a finding now. */
  #stand(finding: string): Record<string, string | null> {
    return { [finding]: this.#items.find(i => i.finding === finding)?.decided ?? null };
  }

  #settle(decision: Decision): Record<string, string | null> {
    if (decision.verdict === 'undo') {
      const last = this.log.pop();
      if (last) {
        this.#undone.push(last);
      }
      return last ? this.#mark(last.finding, null) : {};
    }
    const line = decision.verdict === 'redo' ? this.#undone.pop() : toLine(decision);
    if (!line) {
      return {};
    }
    this.log.push(line);
    return this.#mark(line.finding, line.verdict);
  }

  #mark(finding: string, verdict: string | null): Record<string, string | null> {
    const item = this.#items.find(i => i.finding === finding);
    if (item) {
      item.decided = verdict;
    }
    return { [finding]: verdict };
  }

  #reply(request: Request): Reply {
    const { seq, start = 0, count = 100 } = request;
    const items = (request.view && this.#views[request.view]) || this.#items;
    if (request.ask === 'page') {
      return { seq, start, items: items.slice(start, start + count), total: items.length };
    }
    if (request.ask === 'define' && request.definition) {
      this.#terms.definitions.push(request.definition);
    }
    if (request.ask === 'terms' || request.ask === 'define') {
      return { seq, terms: this.#terms };
    }
    if (request.ask === 'facets') {
      return { seq, facets: this.#options.facets?.(request.text ?? '') ?? this.#facets };
    }
    if (request.ask === 'people') {
      return { seq, people: this.#options.people ?? [] };
    }
    if (request.ask === 'filter') {
      this.#views.push(this.#select(request.filter ?? {}));
      return { seq, start: 0, view: this.#views.length - 1, total: this.#views.at(-1)?.length };
    }
    if (request.ask === 'cluster') {
      return this.#options.cluster ? { seq, cluster: this.#options.cluster } : { seq, error: 'Not about spellings.' };
    }
    if (request.ask === 'next') {
      const open = items.map((item, i) => (item.decided && item.decided !== 'disputed' ? -1 : i)).filter(i => i >= 0);
      return { seq, start: open.find(i => i >= start) ?? open[0] ?? null };
    }
    // Python draws at random; here the last open finding is drawn.
    const drawn = this.#items.findLastIndex(i => i.decided === null);
    const named = (i: QueueItem) => i.finding === request.finding || String(i.row) === request.text;
    const item = this.#items[request.ask === 'draw' ? drawn : this.#items.findIndex(named)];
    const position = item ? items.indexOf(item) : -1;
    return item
      ? {
          seq,
          start: position < 0 ? null : position,
          card: { ...this.#card(item), ...(request.ask === 'near' && { peers: this.#options.near ?? [] }) }
        }
      : { seq, error: `There is no finding '${request.finding}'.` };
  }

  #select(filter: Filter): QueueItem[] {
    const text = (filter.text ?? '').toLowerCase();
    return this.#items.filter(
      i =>
        (!filter.detector || i.detector === filter.detector) &&
        (!filter.state || (filter.state === 'open') === (i.decided === null)) &&
        JSON.stringify(i).toLowerCase().includes(text)
    );
  }

  get #facets(): Facets {
    const names = [...new Set(this.#items.map(i => i.detector))];
    const detectors = names.map(name => ({ name, title: name, count: 1 }));
    return { detectors, columns: [{ name: '"label"', title: 'label', count: 3 }], pairs: [] };
  }

  #card(item: QueueItem): Card {
    const names: Scalar[] = ['dog', 'cat', 'bird'];
    return {
      finding: {
        ...item,
        key: { id: item.row },
        part: null,
        confidence: item.suggested === null ? null : 0.92,
        reason: `Row ${item.row} looks like ${String(item.suggested)}.`,
        peers: []
      },
      cells: [{ column: 'text', text: 'a furry animal', kind: 'text', cut: false }],
      classes: names.map((name, i) => ({ name, probability: [0.92, 0.07, 0.01][i] ?? null })),
      peers: [],
      decided: item.decided,
      note: '',
      group: null,
      ...this.#options.card?.(item)
    };
  }
}

function toLine(decision: Decision): FakeModel['log'][number] {
  return { finding: decision.finding, verdict: decision.verdict, value: decision.value, note: decision.note ?? '' };
}
