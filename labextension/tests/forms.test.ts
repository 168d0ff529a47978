import { describe, expect, test } from 'vitest';
import { check, type Entry, type Field, fill, initialEntries, toFields } from '../src/forms';

function field(schema: Record<string, unknown>, required = false): Field {
  const [only] = toFields({ type: 'object', properties: { x: schema }, required: required ? ['x'] : [] });
  if (only === undefined) {
    throw new Error('no field');
  }
  return only;
}

const typed = (text: string): Entry => ({ text, none: false });
const NONE: Entry = { text: '', none: true };

describe('from schema to fields', () => {
  test.each([
    [{ type: 'integer', 'x-python': 'int' }, 'integer', 'int', false],
    [{ type: 'number', 'x-python': 'float' }, 'number', 'float', false],
    [{ type: 'boolean', 'x-python': 'bool' }, 'boolean', 'bool', false],
    [{ type: 'string', 'x-python': 'str' }, 'text', 'str', false],
    [{ type: ['integer', 'null'], 'x-python': 'int' }, 'integer', 'int or None', true],
    [{ anyOf: [{ type: 'string' }, { type: 'null' }], 'x-python': 'str' }, 'text', 'str or None', true],
    [{ anyOf: [{ type: 'string' }, { type: 'integer' }], 'x-python': 'union' }, 'json', 'string or integer', false],
    [{ type: 'array', 'x-python': 'tuple' }, 'json', 'tuple', false],
    [{ type: 'object', 'x-python': 'dict' }, 'json', 'dict', false],
    [{ enum: ['a', 'b', null], type: ['string', 'null'], 'x-python': 'str' }, 'choice', 'str or None', true],
    [{ 'x-python': 'any' }, 'json', 'any', true]
  ])('%j is a field of the kind %s', (schema, kind, type, nullable) => {
    expect(field(schema)).toMatchObject({ kind, type, nullable });
  });

  test('order, help, defaults and secrets are kept', () => {
    const fields = toFields({
      type: 'object',
      properties: {
        b: { type: 'number', default: 0.1, description: 'how fast' },
        a: { type: 'string', writeOnly: true, 'x-python': 'secret' },
        c: { type: ['boolean', 'null'], default: null }
      },
      required: ['a']
    });
    expect(fields.map(f => [f.name, f.help, f.required, f.secret])).toEqual([
      ['b', 'how fast', false, false],
      ['a', '', true, true],
      ['c', '', false, false]
    ]);
    expect(initialEntries(fields)).toEqual({ b: typed('0.1'), a: typed(''), c: NONE });
  });

  test('JSON defaults are spaced', () => {
    const [list] = toFields({ properties: { x: { type: 'object', default: { 'a b': [1, null, 'c, d'] } } } });
    expect(list?.initial).toEqual(typed('{"a b": [1, null, "c, d"]}'));
  });

  test('a schema without properties has no fields', () => {
    expect(toFields({ type: 'object' })).toEqual([]);
  });
});

describe('from what was typed to JSON', () => {
  test.each([
    ['12345678901234567890', '12345678901234567890'],
    ['+007', '7'],
    ['-0', '-0'],
    [' 5 ', '5']
  ])('the integer %j becomes %s', (text, json) => {
    expect(check(field({ type: 'integer' }), typed(text))).toEqual({ json });
    expect(() => JSON.parse(json)).not.toThrow();
  });

  test.each(['1.5', '1e3', 'ten', '0x10', '--1'])('%j is no integer', text => {
    expect(check(field({ type: 'integer' }), typed(text))).toEqual({ error: 'A whole number is needed, such as 10.' });
  });

  test.each([
    ['.5', '0.5'],
    ['1.', '1.0'],
    ['1e-3', '1e-3'],
    ['1.10', '1.10'],
    ['-02.5E4', '-2.5E4']
  ])('the number %j becomes %s', (text, json) => {
    expect(check(field({ type: 'number' }), typed(text))).toEqual({ json });
    expect(JSON.parse(json)).toBe(Number(text));
  });

  test.each(['nan', 'Infinity', '1e999', '1,5', '.'])('%j is no number', text => {
    expect(check(field({ type: 'number' }), typed(text))).toEqual({ error: 'A number is needed, such as 0.5.' });
  });

  test('limits are stated', () => {
    const limited = field({ type: 'number', minimum: 0, maximum: 1 });
    expect(check(limited, typed('-0.1'))).toEqual({ error: 'It must be 0 or more.' });
    expect(check(limited, typed('1.1'))).toEqual({ error: 'It must be 1 or less.' });
    expect(check(limited, typed('1'))).toEqual({ json: '1' });
    const open = field({ type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 });
    expect(check(open, typed('0'))).toEqual({ error: 'It must be more than 0.' });
    expect(check(open, typed('1'))).toEqual({ error: 'It must be less than 1.' });
  });

  test('text is taken as it is, quotes and all', () => {
    expect(check(field({ type: 'string' }), typed(' "a"\n'))).toEqual({ json: '" \\"a\\"\\n"' });
    expect(check(field({ type: 'string', default: 'x' }), typed(''))).toEqual({ json: '""' });
    expect(check(field({ type: 'string', maxLength: 1 }), typed('ab'))).toEqual({
      error: 'It must have 1 character or fewer.'
    });
    expect(check(field({ type: 'string', pattern: '^a+$' }), typed('b'))).toEqual({ error: 'It must match ^a+$.' });
    expect(check(field({ type: 'string', pattern: '(?P<x>a)' }), typed('b'))).toEqual({ json: '"b"' });
  });

  test('dates are checked', () => {
    const day = field({ type: 'string', format: 'date' });
    expect(check(day, typed('2026-01-31'))).toEqual({ json: '"2026-01-31"' });
    expect(check(day, typed('31.1.2026'))).toEqual({ error: 'A date is needed, such as 2026-01-31.' });
  });

  test('None is a value of its own', () => {
    expect(check(field({ type: ['string', 'null'] }), NONE)).toEqual({ json: 'null' });
    expect(check(field({ 'x-python': 'any', default: null }), NONE)).toEqual({ json: 'null' });
  });

  test('arrays and objects are JSON of the right type', () => {
    const list = field({ type: 'array' });
    expect(check(list, typed('[1, 2]'))).toEqual({ json: '[1, 2]' });
    expect(check(list, typed('[1, 2'))).toEqual({ error: 'JSON is needed, such as [1, 2].' });
    expect(check(list, typed('{"a": 1}'))).toEqual({
      error: 'JSON of the type array is needed, such as [1, 2].'
    });
  });

  test('an empty field is an error only where a value is needed', () => {
    expect(check(field({ type: 'integer' }, true), typed(''))).toEqual({ error: 'A value is needed.' });
    expect(check(field({ type: 'integer', default: 1 }), typed(''))).toEqual({ error: 'A value is needed.' });
    expect(check(field({ type: 'integer' }), typed(''))).toEqual({ json: null });
  });
});

describe('the whole form', () => {
  const schema = {
    type: 'object',
    properties: {
      n: { type: 'integer', default: 3 },
      kind: { type: 'string', enum: ['fast', 'slow'], default: 'fast' },
      flag: { type: 'boolean', default: false }
    }
  };

  test('only what differs from its default is sent', () => {
    const fields = toFields(schema);
    expect(fill(fields, initialEntries(fields))).toEqual({ json: '{}', errors: {} });
    const entries = { ...initialEntries(fields), n: typed('4'), kind: typed('"slow"'), flag: typed('true') };
    expect(JSON.parse(fill(fields, entries).json)).toEqual({ n: 4, kind: 'slow', flag: true });
  });

  test('every mistake is named', () => {
    const fields = toFields(schema);
    const filled = fill(fields, { ...initialEntries(fields), n: typed('x') });
    expect(filled.errors).toEqual({ n: 'A whole number is needed, such as 10.' });
  });

  test('a name cannot break out of the JSON', () => {
    const fields = toFields({ properties: { 'a":1,"b': { type: 'integer', default: 1 } } });
    expect(JSON.parse(fill(fields, { 'a":1,"b': typed('2') }).json)).toEqual({ 'a":1,"b': 2 });
  });
});
