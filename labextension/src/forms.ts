/**
 * From the JSON Schema of a pipeline's parameters to the fields of a form, and from what was typed to JSON.
 *
 * Values travel as JSON text, never as JavaScript numbers, so that an integer of any size stays what it is.
 */

import { count } from './format';

export type FieldKind = 'number' | 'integer' | 'boolean' | 'text' | 'choice' | 'json';

type Schema = Record<string, unknown>;

export interface Choice {
  label: string;
  json: string;
}

export interface Field {
  name: string;
  kind: FieldKind;
  /** What a person reads behind the name: `integer`, `date or None`, ... */
  type: string;
  help: string;
  nullable: boolean;
  required: boolean;
  secret: boolean;
  readOnly: boolean;
  choices: Choice[];
  /** What the form shows at first; null where the parameter has no default. */
  initial: Entry | null;
  schema: Schema;
}

/** What stands in a field: its text (`true` and `false` for a check box) and whether None is ticked. */
export interface Entry {
  text: string;
  none: boolean;
}

export type Entries = Record<string, Entry>;

const EMPTY: Entry = { text: '', none: false };

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The types that a schema allows, without null, and the part of it that says more about the value. */
function describe(schema: Schema): { types: string[]; nullable: boolean; inner: Schema } {
  const options = [schema.anyOf, schema.oneOf].find(Array.isArray) as unknown[] | undefined;
  if (options !== undefined) {
    const parts = options.filter(isObject);
    const rest = parts.filter(part => part.type !== 'null');
    const only = rest.length === 1 ? rest[0] : undefined;
    const nullable = rest.length < parts.length;
    if (only === undefined) {
      return { types: rest.flatMap(part => describe(part).types), nullable, inner: schema };
    }
    const inside = describe(only);
    return { types: inside.types, nullable: nullable || inside.nullable, inner: { ...schema, ...inside.inner } };
  }
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter(t => typeof t === 'string');
  // A schema without types takes anything, so None too.
  const listed = Array.isArray(schema.enum) ? schema.enum.includes(null) : types.length === 0;
  return { types: types.filter(t => t !== 'null'), nullable: types.includes('null') || listed, inner: schema };
}

function kindOf(types: string[], inner: Schema): FieldKind {
  if (Array.isArray(inner.enum)) {
    return 'choice';
  }
  const [type, ...others] = types;
  if (others.length > 0) {
    return types.every(t => t === 'integer' || t === 'number') ? 'number' : 'json';
  }
  switch (type) {
    case 'number':
    case 'integer':
    case 'boolean':
      return type;
    case 'string':
      return 'text';
    default:
      return 'json';
  }
}

/** The fields of a form, in the order of the schema. */
export function toFields(schema: Schema): Field[] {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties)
    .filter((entry): entry is [string, Schema] => isObject(entry[1]))
    .map(([name, property]) => toField(name, property, required.includes(name)));
}

function toField(name: string, schema: Schema, required: boolean): Field {
  const { types, nullable, inner } = describe(schema);
  const kind = kindOf(types, inner);
  const python = typeof schema['x-python'] === 'string' ? schema['x-python'] : '';
  const values = Array.isArray(inner.enum) ? inner.enum.filter(value => value !== null) : [];
  return {
    name,
    kind,
    type: typeName(python, types, nullable),
    help: typeof schema.description === 'string' ? schema.description : '',
    nullable,
    required,
    secret: python === 'secret' || schema.writeOnly === true,
    readOnly: schema.readOnly === true,
    choices: values.map(value => ({ label: String(value), json: JSON.stringify(value) })),
    initial: 'default' in schema ? toEntry(kind, schema.default) : null,
    schema: inner
  };
}

function typeName(python: string, types: string[], nullable: boolean): string {
  const name = (python === 'union' ? '' : python) || types.join(' or ') || 'any';
  return nullable && name !== 'any' && name !== 'None' ? `${name} or None` : name;
}

function toEntry(kind: FieldKind, value: unknown): Entry {
  if (value === null) {
    return { text: '', none: true };
  }
  if (kind === 'choice') {
    return { text: JSON.stringify(value), none: false };
  }
  if (kind === 'json') {
    return { text: spacedJson(value), none: false };
  }
  return { text: String(value), none: false };
}

/** JSON on one line, with the spaces that a person would type. */
function spacedJson(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(spacedJson).join(', ')}]`;
  }
  if (isObject(value)) {
    const members = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${spacedJson(inner)}`);
    return `{${members.join(', ')}}`;
  }
  return JSON.stringify(value);
}

/** What the form shows before anything was typed. */
export function initialEntries(fields: Field[]): Entries {
  return Object.fromEntries(fields.map(field => [field.name, field.initial ?? EMPTY]));
}

export type Checked = { json: string | null } | { error: string };

/** What was typed, as JSON text; null where nothing was typed and nothing is needed. */
export function check(field: Field, entry: Entry): Checked {
  if (entry.none && field.nullable) {
    return { json: 'null' };
  }
  const text = field.kind === 'text' ? entry.text : entry.text.trim();
  if (text === '' && (field.kind !== 'text' || field.initial === null)) {
    return field.required || field.initial !== null ? { error: 'A value is needed.' } : { json: null };
  }
  switch (field.kind) {
    case 'number':
    case 'integer':
      return checkNumber(field, text);
    case 'boolean':
      return { json: text === 'true' ? 'true' : 'false' };
    case 'text':
      return checkText(field, text);
    case 'choice':
      return { json: text };
    case 'json':
      return checkJson(field, text);
  }
}

function checkNumber(field: Field, text: string): Checked {
  if (field.kind === 'integer' && !/^[+-]?\d+$/.test(text)) {
    return { error: 'A whole number is needed, such as 10.' };
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) || !Number.isFinite(Number(text))) {
    return { error: 'A number is needed, such as 0.5.' };
  }
  const value = Number(text);
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field.schema;
  if (typeof minimum === 'number' && value < minimum) {
    return { error: `It must be ${minimum} or more.` };
  }
  if (typeof maximum === 'number' && value > maximum) {
    return { error: `It must be ${maximum} or less.` };
  }
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum) {
    return { error: `It must be more than ${exclusiveMinimum}.` };
  }
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum) {
    return { error: `It must be less than ${exclusiveMaximum}.` };
  }
  return { json: numberJson(text) };
}

/** A typed number in JSON's stricter spelling: no plus sign, no leading zeros, digits on both sides of the point. */
function numberJson(text: string): string {
  const [, sign = '', whole = '', rest = '', power = ''] = /^([+-]?)(\d*)(?:\.(\d*))?(e.*)?$/i.exec(text) ?? [];
  const point = text.includes('.') ? `.${rest || '0'}` : '';
  return `${sign === '-' ? '-' : ''}${whole.replace(/^0+(?=\d)/, '') || '0'}${point}${power}`;
}

function checkText(field: Field, text: string): Checked {
  const { minLength, maxLength, pattern, format } = field.schema;
  const length = [...text].length;
  if (typeof minLength === 'number' && length < minLength) {
    return { error: `It must have ${count(minLength, 'character')} or more.` };
  }
  if (typeof maxLength === 'number' && length > maxLength) {
    return { error: `It must have ${count(maxLength, 'character')} or fewer.` };
  }
  if (format === 'date' && !isDate(text)) {
    return { error: 'A date is needed, such as 2026-01-31.' };
  }
  if (typeof pattern === 'string' && matches(pattern, text) === false) {
    return { error: `It must match ${pattern}.` };
  }
  return { json: JSON.stringify(text) };
}

function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** Whether a text matches; null where the pattern is one that only Python understands, so the server decides. */
function matches(pattern: string, text: string): boolean | null {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return null;
  }
}

function checkJson(field: Field, text: string): Checked {
  const { types } = describe(field.schema);
  const example = types.includes('array') ? '[1, 2]' : types.includes('object') ? '{"a": 1}' : '"text", 1 or true';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { error: `JSON is needed, such as ${example}.` };
  }
  const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  const fits = types.length === 0 || types.includes(type) || (type === 'number' && types.includes('integer'));
  return fits ? { json: text } : { error: `JSON of the type ${types.join(' or ')} is needed, such as ${example}.` };
}

export interface Filled {
  /** JSON text of an object with the parameters that differ from their defaults. */
  json: string;
  /** What is wrong, by the name of the parameter. */
  errors: Record<string, string>;
}

/** Everything that was typed: what goes to the server, or what must be mended first. */
export function fill(fields: Field[], entries: Entries): Filled {
  const parts: string[] = [];
  const errors: Record<string, string> = {};
  for (const field of fields.filter(f => !f.readOnly)) {
    const entry = entries[field.name] ?? EMPTY;
    const checked = check(field, entry);
    if ('error' in checked) {
      errors[field.name] = checked.error;
    } else if (checked.json !== null && !isInitial(field, entry)) {
      parts.push(`${JSON.stringify(field.name)}:${checked.json}`);
    }
  }
  return { json: `{${parts.join(',')}}`, errors };
}

function isInitial(field: Field, entry: Entry): boolean {
  const { initial } = field;
  return initial !== null && initial.none === entry.none && (entry.none || initial.text === entry.text);
}
