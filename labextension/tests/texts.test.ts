import { describe, expect, test } from 'vitest';
import { ago, count, duration, firstLine, joinPath, metric, runSeconds, statusText, statusTone } from '../src/format';
import { decodeHex } from '../src/kernel';
import { auditCode, isIdentifier, literal, reviewCode } from '../src/python';

describe('times', () => {
  test.each([
    [0.42, '0.4 s'],
    [9.97, '10 s'],
    [59.4, '59 s'],
    [185, '3 min 5 s'],
    [7800, '2 h 10 min'],
    [Number.NaN, ''],
    [-1, '']
  ])('%d seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  test.each([
    [10, 'just now'],
    [50, '1 min ago'],
    [600, '10 min ago'],
    [7200, '2 h ago']
  ])('%d seconds ago', (seconds, text) => {
    const now = Date.parse('2026-01-31T12:00:00Z');
    expect(ago(new Date(now - seconds * 1000).toISOString(), now)).toBe(text);
  });

  test('older times are days, unreadable ones stay as they are', () => {
    expect(ago('2026-01-01T12:00:00Z', Date.parse('2026-01-31T12:00:00Z'))).toContain('2026');
    expect(ago('soon', 0)).toBe('soon');
  });

  test('a run that goes on is measured up to now', () => {
    const record = { started: '2026-01-31T12:00:00Z', ended: null, resources: null } as never;
    expect(runSeconds(record, Date.parse('2026-01-31T12:00:03Z'))).toBe(3);
  });
});

describe('words', () => {
  test('statuses', () => {
    expect([statusText('gate_failed'), statusTone('gate_failed')]).toEqual(['gate failed', 'bad']);
    expect([statusText('interrupted'), statusTone('interrupted')]).toEqual(['interrupted', 'plain']);
    expect(statusTone('running')).toBe('busy');
  });

  test('metrics', () => {
    expect([metric(0.912345), metric(1234567), metric('high'), metric([1])]).toEqual([
      '0.9123',
      '1234567',
      'high',
      '[1]'
    ]);
  });

  test('the first line that says something', () => {
    expect(firstLine('\n# load\n  x = 1\ny = 2')).toBe('x = 1');
    expect(firstLine('# only words')).toBe('# only words');
    expect(firstLine('')).toBe('');
  });

  test('counts and paths', () => {
    expect([count(1, 'run'), count(2, 'run')]).toEqual(['1 run', '2 runs']);
    expect(joinPath('', '/a/', 'b//c')).toBe('a/b/c');
  });
});

describe('Python in cells', () => {
  test.each(['df', '_x1', 'données'])('%s is a name', name => {
    expect(isIdentifier(name)).toBe(true);
  });

  test.each(['', '1a', 'a b', 'a.b', 'class', 'df;import os', 'df\n'])('%j is no name', name => {
    expect(isIdentifier(name)).toBe(false);
    expect(() => auditCode(name, null)).toThrow('is not the name of a Python variable');
    expect(() => reviewCode(name)).toThrow('is not the name of a Python variable');
  });

  test('a column name cannot end its literal', () => {
    expect(literal('a"); import os; ("')).toBe('"a\\"); import os; (\\""');
    expect(literal('a\\')).toBe('"a\\\\"');
    expect(literal('a\nb\u202e\u0000')).toBe('"a\\nb\\u202e\\u0000"');
    expect(literal(7)).toBe('7');
  });

  test('the cells', () => {
    expect(auditCode('df', 'class')).toBe('import dcai\n\naudit = dcai.audit(df, label="class")\naudit');
    expect(auditCode('df', null)).toBe('import dcai\n\naudit = dcai.audit(df)\naudit');
    expect(reviewCode('audit')).toBe('import dcai\n\ndcai.review(audit)');
  });

  test('text from the kernel survives', () => {
    expect(decodeHex('7b22c3a9223a317d')).toBe('{"é":1}');
  });
});
