import { describe, expect, it } from 'vitest';
import { compare, showSide } from './diff';
import { quote, showValue, toLine, toPercent, toPieces } from './value';

const JOINED = (text: string) =>
  toPieces(text)
    .map(p => p.text)
    .join('');

describe('values', () => {
  it('makes visible what cannot be seen, and leaves the rest as it is', () => {
    expect(JOINED('Cat ')).toBe('Cat␣');
    expect(JOINED(' a b')).toBe('␣a b');
    expect(JOINED('a\u202Eb')).toBe('aU+202Eb');
    expect(JOINED('a\u0000b\u200Bc')).toBe('aU+0000bU+200Bc');
    expect(JOINED('x\u00A0y')).toBe('xU+00A0y');
    expect(JOINED('one\ntwo')).toBe('one\ntwo');
  });

  it.each(['👩‍👩‍👧‍👦', 'می‌خواهم', 'Ünïcødé 漢字', 'ไทย', '  ', ''])('keeps writing systems whole: %j', text => {
    expect(JOINED(text).replaceAll('␣', ' ')).toBe(text);
  });

  it('tells an empty cell from a text that says so', () => {
    expect(showValue(null).className).toBe('dcai-review-empty');
    expect(showValue('').textContent).toBe('empty text');
    expect(showValue('empty').className).not.toBe('dcai-review-empty');
    expect(quote(null)).toBe('empty');
    expect(quote('empty')).toBe('“empty”');
  });

  it('writes values as Python does, and shares as percent', () => {
    expect(showValue(true).textContent).toBe('True');
    expect(showValue(0).textContent).toBe('0');
    expect([0, 0.001, 0.5, 0.999, 1].map(toPercent)).toEqual(['0 %', '< 1 %', '50 %', '> 99 %', '100 %']);
  });

  it('cuts long texts at whole characters', () => {
    expect(toLine('😀'.repeat(10), 3)).toBe('😀😀😀…');
    expect(showValue('x'.repeat(1_000_000)).textContent?.length).toBe(2001);
  });
});

describe('compare', () => {
  const texts = [
    '',
    'a',
    'kitten',
    'sitting',
    '1.200,50 EUR ',
    '1200.50 EUR',
    'Zürich',
    'Zurich',
    '😀😃',
    '😃😀',
    'x'.repeat(900)
  ];

  it('gives both texts back, for any pair', () => {
    for (const before of texts) {
      for (const after of texts) {
        const changes = compare(before, after);
        const side = (kind: string) =>
          changes
            .filter(c => c.kind === 'same' || c.kind === kind)
            .map(c => c.text)
            .join('');
        expect([side('out'), side('in')]).toEqual([before, after]);
      }
    }
  });

  it('sets only what changes apart', () => {
    expect(compare('Zürich', 'Zurich')).toEqual([
      { kind: 'same', text: 'Z' },
      { kind: 'out', text: 'ü' },
      { kind: 'in', text: 'u' },
      { kind: 'same', text: 'rich' }
    ]);
  });

  it('shows a space at the end that goes away', () => {
    const side = showSide(compare('Cat ', 'Cat'), 'out');
    expect(side.querySelector('del')?.textContent).toBe('␣');
  });
});
