// One finding in full: why it is in doubt, the value and its repair, the classes, the row beside its peers.
import type { Card, ClassChoice, Finding, Group, Scalar, Sentence } from '../contract';
import { hasClasses, hasSuggestion, isByName, isLabel, keyOf, ordered, SHORTCUTS } from './choices';
import { showContext } from './context';
import { compare, showSide } from './diff';
import { classes, el, keycap, setAttribute } from './dom';
import { NAME } from './focus';
import { badge, nameOf } from './list';
import type { Status } from './queue';
import { showRows } from './rows';
import { showSaid } from './said';
import { showText, showValue, toLine, toPercent, toText } from './value';

export interface CardActions {
  onClass(name: Scalar): void;
  onSearch(): void;
  onEdit(column: string): void;
  onAccept(): void;
  onDraw(): void;
  onDefine(): void;
}

export interface CardState {
  /** What became of the finding, if anything. */
  status: Status | undefined;
  /** What was saved about other cells of the row; the finding is open still. */
  saved: string[];
}

export function showCard(card: Card, state: CardState, actions: CardActions): HTMLElement {
  const { status } = state;
  return el(
    'article',
    { class: 'dcai-review-card' },
    showHead(card.finding, status),
    el('p', { class: 'dcai-review-reason' }, showText(card.finding.reason)),
    card.remark && el('p', { class: 'dcai-review-remark' }, showText(card.remark)),
    showSaid(card),
    status?.state === 'error' && el('p', { class: 'dcai-review-failure' }, `Not saved. ${status.message ?? ''}`),
    state.saved.length > 0 && showSaved(state.saved),
    card.sentence && showSentence(card.sentence),
    isLabel(card) ? showLabel(card) : showRepair(card),
    !isLabel(card) && card.context && showContext(card.context, card.finding),
    hasClasses(card) && showClasses(card, actions),
    showRows(card, actions.onEdit),
    card.group && card.group.size > 1 && showGroup(card.group, actions)
  );
}

function showSaved(sentences: string[]): HTMLElement {
  const lines = sentences.map(text => el('li', {}, showText(`✓ ${text}`)));
  return el(
    'div',
    { class: 'dcai-review-edits' },
    el('ul', {}, ...lines),
    el('p', {}, 'The finding itself is open still: keep it with q when the row is right now.')
  );
}

function showHead(finding: Finding, status: Status | undefined): HTMLElement {
  const key = Object.entries(finding.key ?? {}).filter(([name]) => !name.startsWith('~'));
  return el(
    'header',
    { class: 'dcai-review-head' },
    el('strong', {}, `Row ${finding.row.toLocaleString('en-US')}`),
    ...key.map(([name, value]) => el('span', {}, `${toLine(name, 30)} `, showText(toLine(toText(value), 40)))),
    finding.part !== null && el('span', {}, `part ${finding.part}`),
    el('span', {}, nameOf(finding.detector)),
    el('span', { title: 'How likely it is that something is wrong here' }, `doubt ${toPercent(finding.doubt)}`),
    status && badge(status)
  );
}

/** The sentence of a token, its tags under the words, the one in question set apart. */
function showSentence(sentence: Sentence): HTMLElement {
  const words = sentence.tokens.map((token, i) => {
    const here = i === sentence.at;
    const tag = toText(sentence.tags[i] ?? null);
    return el(
      here ? 'mark' : 'span',
      { class: classes('dcai-review-token', here && 'is-found') },
      showText(token),
      tag !== 'O' && el('small', {}, showText(tag))
    );
  });
  const cut = sentence.cut && el('span', { class: 'dcai-review-faint' }, ' … (cut for display)');
  return el('p', { class: 'dcai-review-sentence', 'aria-label': 'The sentence' }, ...words, cut);
}

function showLabel(card: Card): HTMLElement {
  const { finding } = card;
  // Where the class shows its probability, a second number beside it would only raise a question.
  const known = card.classes.some(c => c.name === finding.suggested && c.probability !== null);
  return el(
    'div',
    { class: 'dcai-review-change' },
    chip(toLine(finding.column ?? '', 40), finding.given, 'is-given'),
    hasSuggestion(card) && arrow(),
    hasSuggestion(card) && chip('suggested', finding.suggested, 'is-suggested', known ? null : finding.confidence)
  );
}

function chip(title: string, value: Scalar, look: string, confidence: number | null = null): HTMLElement {
  return el(
    'span',
    { class: classes('dcai-review-chip', look) },
    el('span', { class: 'dcai-review-chip-title' }, title),
    el('span', { class: 'dcai-review-chip-value' }, showValue(value)),
    confidence !== null && el('span', { class: 'dcai-review-chip-share' }, toPercent(confidence))
  );
}

function arrow(): HTMLElement {
  return el('span', { class: 'dcai-review-arrow', 'aria-label': 'to' }, '→');
}

/** A value and its repair, one under the other, with what changes set apart. */
function showRepair(card: Card): HTMLElement | null {
  const { column, given, suggested, confidence } = card.finding;
  if (column === null && !hasSuggestion(card)) {
    return null;
  }
  const texts = typeof given === 'string' && typeof suggested === 'string' && given !== '' && suggested !== '';
  const changes = texts ? compare(given, suggested) : null;
  const repair = hasSuggestion(card) && [
    el('span', { class: 'dcai-review-side-name' }, 'suggested'),
    el(
      'div',
      { class: 'dcai-review-side is-in' },
      el('div', {}, changes ? showSide(changes, 'in') : el('ins', {}, showValue(suggested))),
      confidence !== null && el('span', { class: 'dcai-review-chip-share' }, toPercent(confidence))
    )
  ];
  return el(
    'div',
    { class: 'dcai-review-diff', role: 'group', 'aria-label': `The value of ${column ?? 'the row'} and its repair` },
    el('span', { class: 'dcai-review-side-name' }, column === null ? 'given' : toLine(column, 40)),
    el(
      'div',
      { class: classes('dcai-review-side', repair && 'is-out') },
      el('div', {}, changes ? showSide(changes, 'out') : repair ? el('del', {}, showValue(given)) : showValue(given))
    ),
    ...(repair || [])
  );
}

function showClasses(card: Card, actions: CardActions): HTMLElement {
  const all = ordered(card);
  // One class more than there are keys is shown too: a button for the rest would take as much room.
  const shown = all.length === SHORTCUTS + 1 ? all : all.slice(0, SHORTCUTS);
  const rest = all.length - shown.length;
  return el(
    'section',
    {
      class: classes('dcai-review-classes', card.classes.some(c => c.meaning) && 'has-meanings'),
      'aria-label': 'Classes'
    },
    ...shown.map((choice, place) => showClass(card, choice, place, actions)),
    rest > 0 &&
      button(
        'dcai-review-class is-other',
        'other',
        () => actions.onSearch(),
        keycap('0'),
        el('span', { class: 'dcai-review-class-name' }, `${rest.toLocaleString('en-US')} more …`)
      ),
    isByName(card) &&
      el(
        'p',
        { class: 'dcai-review-hint dcai-review-classes-hint' },
        'Digit keys take the class of that name; 0 or / searches.'
      ),
    button('dcai-review-button is-quiet', 'define', () => actions.onDefine(), keycap('d'), 'What they mean …')
  );
}

function showClass(card: Card, choice: ClassChoice, place: number, actions: CardActions): HTMLElement {
  const given = isLabel(card) ? card.finding.given : card.label;
  const suggested = hasSuggestion(card) && choice.name === card.finding.suggested;
  const share = choice.probability;
  const held = card.several ? choice.given : choice.name === given;
  const role = held ? 'given' : suggested ? 'suggested' : '';
  const key = keyOf(card, choice, place);
  const node = button(
    classes('dcai-review-class', role && `is-${role}`),
    `class ${toText(choice.name)}`,
    () => actions.onClass(choice.name),
    key === null ? el('span') : keycap(key),
    el(
      'span',
      { class: 'dcai-review-class-name' },
      el('span', { class: 'dcai-review-class-line' }, showValue(choice.name, 200)),
      choice.meaning ? el('span', { class: 'dcai-review-meaning' }, showText(choice.meaning)) : null,
      share === null ? null : showBar(share)
    ),
    share === null ? null : el('span', { class: 'dcai-review-share' }, toPercent(share))
  );
  setAttribute(node, 'aria-keyshortcuts', key);
  if (card.several) {
    node.setAttribute('aria-pressed', String(choice.given ?? false));
  }
  node.title = [toLine(toText(choice.name), 200) + (role && ` (${role})`), choice.meaning].filter(Boolean).join('\n');
  return node;
}

function showBar(share: number): HTMLElement {
  const part = el('span');
  part.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  return el('span', { class: 'dcai-review-bar', 'aria-hidden': 'true' }, part);
}

function showGroup(group: Group, actions: CardActions): HTMLElement {
  const accept = button('dcai-review-button', 'accept', () => actions.onAccept(), keycap('a'), 'Accept all');
  accept.disabled = !group.certified;
  return el(
    'section',
    { class: classes('dcai-review-group', group.certified && 'is-certified'), 'aria-label': 'Group' },
    el(
      'div',
      { class: 'dcai-review-group-text' },
      el('strong', {}, showText(group.title.trim())),
      ` · ${group.decided.toLocaleString('en-US')} of ${group.size.toLocaleString('en-US')} decided`,
      el('p', {}, showText(group.statement))
    ),
    button('dcai-review-button', 'draw', () => actions.onDraw(), keycap('r'), 'Random row'),
    accept
  );
}

/** A button of the card; its name is the same each time that the card is drawn, so that it keeps the focus. */
function button(
  className: string,
  name: string,
  onClick: () => void,
  ...children: (HTMLElement | string | null)[]
): HTMLButtonElement {
  const node = el('button', { type: 'button', class: className, [NAME]: name }, ...children);
  node.addEventListener('click', onClick);
  return node;
}
