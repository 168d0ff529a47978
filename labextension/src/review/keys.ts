// Which key means what. Pure, so that the table in the help, the buttons and the keyboard cannot differ.
import type { Scalar } from '../contract';

export type ActionName =
  | 'keep'
  | 'suggestion'
  | 'class'
  | 'search'
  | 'edit'
  | 'exclude'
  | 'ambiguous'
  | 'unsure'
  | 'accept'
  | 'draw'
  | 'undo'
  | 'redo'
  | 'next'
  | 'previous'
  | 'note'
  | 'filter'
  | 'jump'
  | 'merge'
  | 'play'
  | 'define'
  | 'people'
  | 'help'
  | 'escape';

export interface Action {
  name: ActionName;
  /** For `class`: the number of its key, from 0. */
  place?: number;
  /** For `class` by mouse: the class itself, which may have no key. */
  chosen?: Scalar;
}

/** What a key needs to tell; a KeyboardEvent has it. */
export interface Pressed {
  key: string;
  code?: string;
  ctrlKey?: boolean;
  metaKey?: boolean;
  altKey?: boolean;
  shiftKey?: boolean;
  repeat?: boolean;
  isComposing?: boolean;
}

const PLAIN: Record<string, ActionName> = {
  q: 'keep',
  w: 'suggestion',
  '0': 'search',
  '/': 'search',
  Enter: 'edit',
  e: 'exclude',
  b: 'ambiguous',
  n: 'unsure',
  a: 'accept',
  r: 'draw',
  j: 'next',
  ArrowDown: 'next',
  k: 'previous',
  ArrowUp: 'previous',
  m: 'note',
  f: 'filter',
  g: 'jump',
  v: 'merge',
  p: 'play',
  d: 'define',
  i: 'people',
  '?': 'help',
  Escape: 'escape'
};
const MAY_REPEAT: ActionName[] = ['next', 'previous'];

/** The keys of every action, as the buttons and the help show them. */
export const KEYS: [string[], string][] = [
  [['q'], 'keep the given value: it is right'],
  [['w'], 'take the suggestion'],
  [
    ['1', '…', '9'],
    'take that class, ordered by probability; where classes are called by digits, the class of that name'
  ],
  [['0', '/'], 'any other class: search by name'],
  [['Enter'], 'edit a value of the row'],
  [['e'], 'exclude the row'],
  [['b'], 'ambiguous: several values are right'],
  [['n'], 'unsure: an expert should decide'],
  [['m'], 'write a note; it is saved with the decision'],
  [['d'], 'what the classes mean: read it, or write it down'],
  [['v'], 'spellings: merge or split them'],
  [['a'], 'accept the group, once it is certified'],
  [['r'], 'review a random row of the group, to certify it'],
  [['j', '↓'], 'next finding'],
  [['k', '↑'], 'previous finding'],
  [['f'], 'filter, search and sort the queue'],
  [['g'], 'go to a row, key or finding'],
  [['p'], 'play or stop the sound of the row'],
  [['i'], 'what is known about the reviewers'],
  [['Ctrl+Z'], 'undo the last decision'],
  [['Ctrl+Shift+Z'], 'redo it'],
  [['?'], 'this help'],
  [['Esc'], 'close a dialog, leave a text field']
];

/** Say what a pressed key means outside of text fields; null where it means nothing here. */
export function actionOf(pressed: Pressed): Action | null {
  const action = pressed.isComposing || pressed.altKey ? null : find(pressed);
  // A key that is held down must not decide row after row, nor take back one decision after the other.
  return action && pressed.repeat && !MAY_REPEAT.includes(action.name) ? null : action;
}

function find(pressed: Pressed): Action | null {
  const letter = pressed.key.length === 1 ? pressed.key.toLowerCase() : pressed.key;
  if (pressed.ctrlKey || pressed.metaKey) {
    return letter === 'z' ? { name: pressed.shiftKey ? 'redo' : 'undo' } : null;
  }
  // Some keyboards need Shift for / and ?, so Shift matters for letters only.
  const shifted = pressed.shiftKey && letter !== letter.toUpperCase();
  const name = shifted ? undefined : PLAIN[letter];
  if (name) {
    return { name };
  }
  const digit = /^[1-9]$/.test(letter) ? letter : pressed.shiftKey ? undefined : digitOf(pressed.code);
  return digit === '0' ? { name: 'search' } : digit ? { name: 'class', place: Number(digit) - 1 } : null;
}

/** The digit printed on the key, for keyboards (French ones) that need Shift to type it. */
function digitOf(code: string | undefined): string | undefined {
  return /^(?:Digit|Numpad)([0-9])$/.exec(code ?? '')?.[1];
}
