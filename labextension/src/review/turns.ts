// Undo, redo, accepting a group, merging spellings: what these change is known only when Python answers.
import type { Answer, Scalar } from '../contract';
import { toSentence } from './choices';
import type { Connection } from './connection';
import type { Decider } from './decider';
import type { Navigator } from './navigator';
import type { Screen } from './screen';
import type { TypeAhead } from './typeahead';
import { toCount } from './value';

export type Turn = 'undo' | 'redo' | 'accept' | 'merge';

const DOING: Record<Turn, string> = {
  undo: 'Undoing …',
  redo: 'Redoing …',
  accept: 'Accepting the group …',
  merge: 'Merging …'
};

export interface TurnParts {
  connection: Connection;
  decider: Decider;
  navigator: Navigator;
  screen: Screen;
  typed: TypeAhead;
}

export class Turns {
  #parts: TurnParts;

  constructor(parts: TurnParts) {
    this.#parts = parts;
  }

  /** Ask for it; keys that follow wait for the row that it leads to. */
  take(verdict: Turn, finding = '', value: Scalar[] | null = null): void {
    const { connection, navigator, screen } = this.#parts;
    const from = navigator.position;
    const matters = navigator.wait();
    screen.say(DOING[verdict]);
    connection.decide(value ? { finding, verdict, value } : { finding, verdict }).then(answer => {
      if (answer.error) {
        screen.warn(answer.error);
      }
      if (matters()) {
        this.#go(verdict, answer, from);
      }
      screen.say(answer.error ?? this.#tell(verdict, answer));
    });
  }

  #go(verdict: Turn, answer: Answer, from: number): void {
    const { decider, navigator, typed } = this.#parts;
    if (answer.error) {
      typed.resume();
    } else if (verdict === 'undo' || verdict === 'redo') {
      decider.forget();
      navigator.goBack(Object.keys(answer.decided ?? {})[0], from);
    } else {
      navigator.advance(Math.max(0, from));
    }
  }

  /** What happened, and what Python has to say of it: rows that were left out, another notebook's decision taken back. */
  #tell(verdict: Turn, answer: Answer): string {
    const sentence = toSentence({ finding: '', verdict }, -1);
    if (verdict === 'undo' || verdict === 'redo') {
      return answer.told || `${sentence}. Saved.`;
    }
    const settled = Object.values(answer.decided ?? {}).filter(Boolean).length;
    const words = `${sentence}: ${toCount(settled, 'finding')} decided. Ctrl+Z takes it back.`;
    return answer.told ? `${words} ${answer.told}` : words;
  }
}
