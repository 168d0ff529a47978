/** Python text that is safe to put into a cell: names and literals, never pasted values. */

const KEYWORDS = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from ' +
    'global if import in is lambda nonlocal not or pass raise return try while with yield'
  ).split(' ')
);

export function isIdentifier(name: string): boolean {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) && !KEYWORDS.has(name);
}

// Characters that would be invisible in a cell or change the order in which its text is read.
const INVISIBLE = /[\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g;

/** A Python literal for a column name. */
export function literal(value: string | number): string {
  if (typeof value === 'number') {
    return String(value);
  }
  // The escapes of JSON mean the same in Python.
  return JSON.stringify(value).replace(INVISIBLE, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The cell that audits a frame. */
export function auditCode(frame: string, label: string | number | null): string {
  if (!isIdentifier(frame)) {
    throw new Error(`${JSON.stringify(frame)} is not the name of a Python variable.`);
  }
  const rest = label === null ? '' : `, label=${literal(label)}`;
  return `import dcai\n\naudit = dcai.audit(${frame}${rest})\naudit`;
}

/** The cell that opens the review of an audit. */
export function reviewCode(audit: string): string {
  if (!isIdentifier(audit)) {
    throw new Error(`${JSON.stringify(audit)} is not the name of a Python variable.`);
  }
  return `import dcai\n\ndcai.review(${audit})`;
}
