// What can be decided about a finding: which verdict a key makes of its card, or why it makes none.
import type { Card, ClassChoice, Decision, Definition, Scalar } from '../contract';
import { quote, toText } from './value';

export type Draft = Omit<Decision, 'seq' | 'client_id' | 'after' | 'by' | 'resolves'>;

export const SHORTCUTS = 9;

/** The card with what its classes mean, as far as it is written down. */
export function defined(card: Card, definitions: Definition[]): Card {
  const meanings = new Map(definitions.map(d => [toText(d.name), d]));
  const classes = card.classes.map(c => ({ ...c, meaning: toMeaning(meanings.get(toText(c.name))) || c.meaning }));
  return definitions.length ? { ...card, classes } : card;
}

/** The card with all classes: of very many, it comes with the most probable ones only. */
export function completed(card: Card, names: Scalar[]): Card {
  if (card.several || !card.classes.length || card.classes.length >= names.length) {
    return card;
  }
  const there = new Set(card.classes.map(c => c.name));
  const rest = names.filter(name => !there.has(name)).map(name => ({ name, probability: null }));
  return { ...card, classes: [...card.classes, ...rest] };
}

function toMeaning(definition: Definition | undefined): string {
  const { meaning = '', examples = [], borderline = [] } = definition ?? {};
  const parts = [
    meaning,
    examples.length > 0 && `Such as: ${examples.join('; ')}`,
    borderline.length > 0 && `Borderline: ${borderline.join('; ')}`
  ];
  return parts.filter(Boolean).join('\n');
}

/** True where a class may be chosen: the finding is about the label, or about the row as a whole. */
export function hasClasses(card: Card): boolean {
  return card.classes.length > 0;
}

/** True where the finding itself is about the label. */
export function isLabel(card: Card): boolean {
  return hasClasses(card) && card.finding.column !== null;
}

/** True where rows like this one would help, and none are shown: the finding is about the label, and names no peers. */
export function wantsNearest(card: Card): boolean {
  return isLabel(card) && card.peers.length === 0;
}

/** The classes, most probable first; those without a probability keep their order, at the end. */
export function ordered(card: Card): ClassChoice[] {
  return [...card.classes].sort((a, b) => (b.probability ?? -1) - (a.probability ?? -1));
}

/** True where some class is called by a digit: its key takes it then, and no key takes a class of another number. */
export function isByName(card: Card): boolean {
  return card.classes.some(c => isDigit(toText(c.name)));
}

/** The key that takes a class, by its place among the ordered ones; null where it has none. */
export function keyOf(card: Card, choice: ClassChoice, place: number): string | null {
  if (isByName(card)) {
    const name = toText(choice.name);
    return isDigit(name) ? name : null;
  }
  return place < SHORTCUTS ? String(place + 1) : null;
}

/** The class that a digit key takes. */
export function classOfKey(card: Card, digit: number): ClassChoice | undefined {
  return isByName(card) ? card.classes.find(c => toText(c.name) === String(digit)) : ordered(card)[digit - 1];
}

function isDigit(name: string): boolean {
  return /^[1-9]$/.test(name);
}

/** True where there is something to take: a value, or (with a confidence) an empty cell. */
export function hasSuggestion(card: Card): boolean {
  return card.finding.suggested !== null || card.finding.confidence !== null;
}

/** A decision for one value: the given value again means that it is kept, a class that it is relabelled. */
export function toTake(card: Card, value: Scalar): Draft {
  const { finding, column, given } = card.finding;
  if (column !== null && value === given) {
    return { finding, verdict: 'keep' };
  }
  if (card.several && isLabel(card)) {
    return { finding, verdict: 'relabel', value, column };
  }
  const known = card.classes.find(c => toText(c.name) === toText(value));
  return known
    ? { finding, verdict: 'relabel', value: known.name, column }
    : { finding, verdict: 'edit', value, column };
}

/** The set of classes with one of them turned on or off. */
export function toToggle(card: Card, name: Scalar): Draft {
  const { finding, column } = card.finding;
  const held = card.classes.filter(c => (c.given ?? false) !== (c.name === name)).map(c => c.name);
  return { finding, verdict: 'relabel', value: held, column };
}

/** True where a decision settles its finding; an edit of another cell of the row leaves it open. */
export function settles(card: Card, draft: Draft): boolean {
  const { column } = card.finding;
  const about = draft.column ?? column;
  return ['keep', 'exclude', 'unsure'].includes(draft.verdict) || (column !== null && about === column);
}

type Refusable = 'suggestion' | 'class' | 'search' | 'ambiguous' | 'accept' | 'draw' | 'merge' | 'play' | 'define';
export type Reasons = Partial<Record<Refusable, string>>;

/** Detectors whose findings join spellings of one value. */
const SPELLINGS = ['variants', 'label_names'];

/** Why an action is not possible here, for those that are not. */
export function reasonsAgainst(card: Card): Reasons {
  const reasons: Reasons = {};
  if (!hasSuggestion(card)) {
    reasons.suggestion = 'There is no suggestion for this row.';
  }
  if (!hasClasses(card)) {
    reasons.class = 'This finding is not about a class.';
    reasons.search = reasons.class;
    reasons.define = reasons.class;
  }
  if (card.finding.column === null && !hasClasses(card)) {
    reasons.ambiguous = 'This finding is about the row as a whole, not about a value.';
  }
  if (!SPELLINGS.includes(card.finding.detector)) {
    reasons.merge = 'This finding is not about spellings.';
  }
  if (!card.cells.some(c => c.kind === 'audio')) {
    reasons.play = 'This row has no sound.';
  }
  if (!card.group) {
    reasons.accept = 'This finding belongs to no group.';
    reasons.draw = reasons.accept;
  } else if (!card.group.certified) {
    reasons.accept = `The group is not certified yet. ${card.group.statement}`.trim();
  }
  return reasons;
}

/** What a decision says, for the live region. */
export function toSentence(draft: Draft, row: number): string {
  const value = Array.isArray(draft.value)
    ? draft.value.map(v => quote(v)).join(', ')
    : draft.value === undefined
      ? ''
      : quote(draft.value);
  const words: Record<Draft['verdict'], string> = {
    keep: `Row ${row}: kept`,
    relabel: `Row ${row}: label now ${value}`,
    edit: `Row ${row}: ${draft.column ?? 'value'} now ${value}`,
    exclude: `Row ${row}: excluded`,
    ambiguous: `Row ${row}: ambiguous between ${value}`,
    unsure: `Row ${row}: unsure`,
    undo: 'Last decision undone',
    redo: 'Decision redone',
    accept: 'Group accepted',
    merge: 'Spellings merged'
  };
  return words[draft.verdict];
}
