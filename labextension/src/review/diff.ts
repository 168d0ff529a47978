// What changes from one text to another, character by character.
import { el } from './dom';
import { toPieces } from './value';

export interface Change {
  text: string;
  kind: 'same' | 'out' | 'in';
}

/** Longer texts are compared by their common beginning and end only. */
const LONGEST = 400;

/** Compare two texts. Joined without the parts that come in it is `before`, without those that go out `after`. */
export function compare(before: string, after: string): Change[] {
  const a = Array.from(before);
  const b = Array.from(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    start++;
  }
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) {
    end++;
  }
  const middle = compareMiddle(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return join([
    { kind: 'same', text: a.slice(0, start).join('') },
    ...middle,
    { kind: 'same', text: a.slice(a.length - end).join('') }
  ]);
}

function compareMiddle(a: string[], b: string[]): Change[] {
  const whole: Change[] = [
    { kind: 'out', text: a.join('') },
    { kind: 'in', text: b.join('') }
  ];
  if (!a.length || !b.length || a.length > LONGEST || b.length > LONGEST) {
    return whole;
  }
  const width = b.length + 1;
  // lengths[i * width + j] is the longest common subsequence of a[i:] and b[j:].
  const lengths = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  // Two texts with little in common read better as one replaced by the other.
  return at(0, 0) * 2 < Math.min(a.length, b.length) ? whole : walk(a, b, at);
}

function walk(a: string[], b: string[], at: (i: number, j: number) => number): Change[] {
  const changes: Change[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      changes.push({ kind: 'same', text: a[i++] ?? '' });
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      changes.push({ kind: 'out', text: a[i++] ?? '' });
    } else {
      changes.push({ kind: 'in', text: b[j++] ?? '' });
    }
  }
  return changes;
}

function join(changes: Change[]): Change[] {
  const joined: Change[] = [];
  for (const change of changes) {
    const last = joined.at(-1);
    if (last?.kind === change.kind) {
      last.text += change.text;
    } else if (change.text) {
      joined.push({ ...change });
    }
  }
  return joined;
}

/** Show one side of a comparison: what goes out of it, or comes into it, is set apart. */
export function showSide(changes: Change[], side: 'out' | 'in'): HTMLElement {
  const node = el('bdi', { class: 'dcai-review-text' });
  const parts = changes.filter(c => c.kind === 'same' || c.kind === side);
  // The ends of the whole text decide which spaces are marked, so it is cut into pieces as a whole.
  const marks = toPieces(parts.map(p => p.text).join('')).flatMap(p => cells(p.text, p.mark));
  for (const part of parts) {
    const own = marks.splice(0, Array.from(part.text).length);
    node.append(part.kind === 'same' ? own.join('') : el(side === 'out' ? 'del' : 'ins', {}, own.join('')));
  }
  return node;
}

function cells(text: string, mark: string | undefined): string[] {
  return mark ? [text] : Array.from(text);
}
