// What reviewers have said of a finding about which they disagree.
import type { Card, Said } from '../contract';
import { el } from './dom';
import { pastOf } from './list';
import { DISPUTED } from './queue';
import { quote, showText, toLine } from './value';

export function showSaid(card: Card): HTMLElement | null {
  if (card.decided !== DISPUTED) {
    return null;
  }
  return el(
    'section',
    { class: 'dcai-review-said', 'aria-label': 'Disputed' },
    el('strong', {}, 'Reviewers disagree. What you decide now settles it.'),
    el('ul', {}, ...(card.said ?? []).map(showOne))
  );
}

function showOne(said: Said): HTMLElement {
  return el(
    'li',
    {},
    el('strong', {}, showText(toLine(said.by, 60))),
    el('span', {}, showText(toWords(said))),
    el('time', { class: 'dcai-review-faint', datetime: said.at }, toDay(said.at)),
    said.note !== '' && el('span', { class: 'dcai-review-faint' }, showText(`“${toLine(said.note, 200)}”`))
  );
}

/** What someone decided, in words. */
function toWords({ verdict, value }: Said): string {
  const values = (Array.isArray(value) ? value : [value]).map(v => quote(v)).join(', ');
  const takes = ['relabel', 'edit', 'ambiguous'].includes(verdict);
  return takes ? `${pastOf(verdict)}: ${values}` : pastOf(verdict);
}

function toDay(at: string): string {
  return `${at.slice(0, 16).replace('T', ' ')} UTC`;
}
