// What happens to a decision between its key and its answer: pending, then saved or failed, and said aloud.
import type { Answer, Card } from '../contract';
import { type Draft, settles, toSentence } from './choices';
import type { Connection } from './connection';
import { DISPUTED, type Queue } from './queue';
import type { Screen } from './screen';
import type { About } from './unsent';

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

  /** Send a decision. True where it settles the finding, false where it is about another cell of the row. */
  decide(card: Card, draft: Draft, note: string): boolean {
    const about = { row: card.finding.row, settles: settles(card, draft) };
    const full = { ...draft, note, ...toResolve(card, draft, about.settles) };
    this.#follow(draft, about, this.#connection.decide(full, about));
    return about.settles;
  }

  /** Send what an earlier view could not send, and show it as pending. */
  resume(): void {
    for (const { decision, about, answer } of this.#connection.resume()) {
      this.#follow(decision, about, answer);
    }
  }

  #follow(draft: Draft, about: About, answered: Promise<Answer>): void {
    const { finding } = draft;
    const sentence = toSentence(draft, about.row);
    const number = ++this.#count;
    if (about.settles) {
      this.#latest.set(finding, number);
      this.#queue.mark(finding, { verdict: draft.verdict, state: 'pending' });
    }
    this.#screen.say(`${sentence}. Saving …`);
    answered.then(answer => {
      if (about.settles && this.#latest.get(finding) !== number) {
        return;
      }
      if (answer.error) {
        this.#fail(draft, about, answer.error);
      } else {
        this.#save(finding, sentence, about);
        this.#screen.say(answer.told || `${sentence}. Saved.`);
      }
    });
  }

  /** What was saved about other cells of a finding's row. */
  savedAbout(finding: string): string[] {
    return this.#saved.get(finding) ?? [];
  }

  /** After an undo it is not known which of them stand. */
  forget(): void {
    this.#saved.clear();
  }

  #save(finding: string, sentence: string, about: About): void {
    if (this.#warned === finding) {
      this.#screen.calm();
    }
    if (about.settles) {
      this.#queue.mark(finding, null);
    } else if (about.row >= 0) {
      this.#saved.set(finding, [...this.savedAbout(finding), sentence]);
    }
    this.#listeners.onSaved(finding);
  }

  #fail({ finding, verdict }: Draft, about: About, message: string): void {
    if (about.settles) {
      this.#queue.mark(finding, { verdict, state: 'error', message });
    }
    this.#warned = finding;
    // Undo, redo and their like are about no row of their own.
    const [what, show] =
      about.row < 0
        ? [`${toSentence({ finding, verdict }, -1)}: this was not saved.`, undefined]
        : [`Row ${about.row} was not saved.`, () => this.#listeners.goTo(finding)];
    this.#screen.warn(`${what} ${message}`, show);
    this.#listeners.onFailed(finding);
  }
}

/** The decisions that this one settles, where reviewers disagree; who is unsure settles nothing. */
function toResolve(card: Card, draft: Draft, settled: boolean): { resolves?: string[] } {
  const disputed = settled && card.decided === DISPUTED && draft.verdict !== 'unsure';
  return disputed ? { resolves: (card.said ?? []).map(said => said.id) } : {};
}
