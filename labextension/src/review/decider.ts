// What happens to a decision between its key and its answer: pending, then saved or failed, and said aloud.
import type { Answer, Card } from '../contract';
import { type Draft, settles, toSentence } from './choices';
import type { Connection } from './connection';
import type { Queue } from './queue';
import type { Screen } from './screen';

export interface Listeners {
  goTo(finding: string): void;
  onSaved(finding: string): void;
  onFailed(finding: string): void;
}

export class Decider {
  #connection: Connection;
  #queue: Queue;
  #screen: Screen;
  #listeners: Listeners;
  /** The number of the latest decision of each finding: only its answer counts. */
  #latest = new Map<string, number>();
  #count = 0;
  #warned = '';
  /** What was saved about rows whose finding is open still. */
  #saved = new Map<string, string[]>();

  constructor(connection: Connection, queue: Queue, screen: Screen, listeners: Listeners) {
    this.#connection = connection;
    this.#queue = queue;
    this.#screen = screen;
    this.#listeners = listeners;
  }

  /**
   * Send a decision. True where it settles the finding, false where it is about another cell of the row.
   * One that was sent before keeps its name, so that it is not written twice.
   */
  decide(card: Card, draft: Draft, note: string, name?: string): boolean {
    const { finding, row } = card.finding;
    const sentence = toSentence(draft, row);
    const settled = settles(card, draft);
    const number = ++this.#count;
    if (settled) {
      this.#latest.set(finding, number);
      this.#queue.mark(finding, { verdict: draft.verdict, state: 'pending' });
    }
    this.#screen.say(`${sentence}. Saving …`);
    this.#connection.decide({ ...draft, note }, name).then(answer => {
      if (settled && this.#latest.get(finding) !== number) {
        return;
      }
      if (answer.error) {
        this.#fail(finding, row, settled ? draft.verdict : null, answer);
      } else {
        this.#save(finding, sentence, settled);
      }
    });
    return settled;
  }

  /** What was saved about other cells of a finding's row. */
  savedAbout(finding: string): string[] {
    return this.#saved.get(finding) ?? [];
  }

  /** After an undo it is not known which of them stand. */
  forget(): void {
    this.#saved.clear();
  }

  #save(finding: string, sentence: string, settled: boolean): void {
    if (this.#warned === finding) {
      this.#screen.calm();
    }
    if (settled) {
      this.#queue.mark(finding, null);
    } else {
      this.#saved.set(finding, [...this.savedAbout(finding), sentence]);
    }
    this.#screen.say(`${sentence}. Saved.`);
    this.#listeners.onSaved(finding);
  }

  #fail(finding: string, row: number, verdict: string | null, answer: Answer): void {
    const message = answer.error ?? '';
    if (verdict !== null) {
      this.#queue.mark(finding, { verdict, state: 'error', message });
    }
    this.#warned = finding;
    this.#screen.warn(`Row ${row} was not saved. ${message}`, () => this.#listeners.goTo(finding));
    this.#listeners.onFailed(finding);
  }
}
