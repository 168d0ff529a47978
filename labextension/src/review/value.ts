// How a cell's value looks: what cannot be seen in it (spaces at its ends, control and direction marks) is made
// visible, its direction is isolated from the text around it, and an empty cell is not the text "empty".
import type { Scalar } from '../contract';
import { el } from './dom';

export interface Piece {
  text: string;
  /** What the mark stands for, where this piece stands for a character that cannot be seen. */
  mark?: string;
}

const RANGES: [number, number][] = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0xa0],
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x180e, 0x180e],
  [0x2000, 0x200b],
  [0x200e, 0x200f],
  [0x2028, 0x202f],
  [0x205f, 0x2064],
  [0x2066, 0x206f],
  [0x3000, 0x3000],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xfff9, 0xfffb]
];
const AT_THE_ENDS: Record<string, string> = { ' ': '␣', '\t': '⇥', '\n': '⏎' };

/** Write a value as text, as a Python user knows it. */
export function toText(value: Scalar): string {
  if (value === null) {
    return 'empty';
  }
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}

/** Cut a text into what can be seen and marks for what cannot. */
export function toPieces(text: string): Piece[] {
  const start = text.length - text.trimStart().length;
  const end = Math.max(start, text.trimEnd().length);
  const pieces: Piece[] = [];
  let plain = '';
  let at = 0;
  for (const character of text) {
    const mark = markOf(character, at < start || at >= end);
    if (mark) {
      pieces.push(...(plain ? [{ text: plain }] : []), mark);
      plain = '';
    } else {
      plain += character;
    }
    at += character.length;
  }
  return plain ? [...pieces, { text: plain }] : pieces;
}

function markOf(character: string, outside: boolean): Piece | null {
  const atEnd = outside ? AT_THE_ENDS[character] : undefined;
  if (atEnd) {
    return { text: atEnd, mark: character === ' ' ? 'space' : character === '\t' ? 'tab' : 'line break' };
  }
  const code = character.codePointAt(0) ?? 0;
  if (!RANGES.some(([from, to]) => code >= from && code <= to)) {
    return null;
  }
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return { text: name, mark: `invisible character ${name}` };
}

/** Show a text, its marks visible. */
export function showText(text: string, className = 'dcai-review-text'): HTMLElement {
  const node = el('bdi', { class: className });
  for (const piece of toPieces(text)) {
    node.append(piece.mark ? el('span', { class: 'dcai-review-mark', title: piece.mark }, piece.text) : piece.text);
  }
  return node;
}

/** Show a value; an empty one is a word of its own kind. */
export function showValue(value: Scalar, limit = 2000): HTMLElement {
  if (value === null || value === '') {
    return el('span', { class: 'dcai-review-empty' }, value === null ? 'empty' : 'empty text');
  }
  return showText(cut(toText(value), limit));
}

/** Name a value in a sentence, shortened. */
export function quote(value: Scalar, limit = 40): string {
  return value === null ? 'empty' : value === '' ? 'empty text' : `“${toLine(toText(value), limit)}”`;
}

/** Write a text on one line, shortened, its invisible characters visible. */
export function toLine(text: string, limit: number): string {
  const pieces = toPieces(cut(text, limit).replace(/\s*\n\s*/g, ' ⏎ '));
  return pieces.map(p => p.text).join('');
}

function cut(text: string, limit: number): string {
  const characters = text.length > limit ? Array.from(text.slice(0, 2 * limit + 2)) : [];
  return characters.length > limit ? `${characters.slice(0, limit).join('')}…` : text;
}

export function toPercent(share: number): string {
  const percent = share * 100;
  return percent > 0 && percent < 1 ? '< 1 %' : percent > 99 && percent < 100 ? '> 99 %' : `${Math.round(percent)} %`;
}

export function toCount(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
}
