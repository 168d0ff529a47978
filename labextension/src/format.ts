/** Small texts for people: statuses, times, durations, metrics. */
import type { RunRecord } from './contract';

export type Status = RunRecord['status'] | 'starting';

const STATUS: Record<Status, string> = {
  starting: 'starting',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  stopped: 'stopped early',
  invalid: 'refused',
  gate_failed: 'gate failed',
  kernel_died: 'kernel died',
  timed_out: 'timed out',
  interrupted: 'interrupted'
};

export function statusText(status: Status): string {
  return STATUS[status];
}

/** How a status is coloured: something went right, wrong, is under way, or neither. */
export function statusTone(status: Status): 'good' | 'bad' | 'busy' | 'plain' {
  switch (status) {
    case 'succeeded':
      return 'good';
    case 'starting':
    case 'running':
      return 'busy';
    case 'stopped':
    case 'interrupted':
      return 'plain';
    default:
      return 'bad';
  }
}

/** A duration: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 0 || !Number.isFinite(seconds)) {
    return '';
  }
  if (seconds < 9.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  const minutes = Math.floor(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long a run took, or has taken up to `now` (milliseconds). */
export function runSeconds(record: RunRecord, now: number): number {
  if (record.resources) {
    return record.resources.wall;
  }
  const end = record.ended === null ? now : Date.parse(record.ended);
  return Math.max(0, (end - Date.parse(record.started)) / 1000);
}

/** When something was, seen from `now`: `just now`, `5 min ago`, `3 h ago`, else the day. */
export function ago(at: string, now: number): string {
  const then = Date.parse(at);
  if (Number.isNaN(then)) {
    return at;
  }
  const seconds = (now - then) / 1000;
  if (seconds < 45) {
    return 'just now';
  }
  if (seconds < 3600) {
    return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  }
  if (seconds < 24 * 3600) {
    return `${Math.round(seconds / 3600)} h ago`;
  }
  return new Date(then).toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
}

/** One metric as text: numbers to four significant digits, everything else as it is. */
export function metric(value: unknown): string {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The first line of a cell's source that says something: not empty, not a comment where code follows. */
export function firstLine(source: string): string {
  const lines = source.split('\n').map(line => line.trim());
  const filled = lines.filter(line => line !== '');
  return filled.find(line => !line.startsWith('#')) ?? filled[0] ?? '';
}

/** A count with its noun: `1 run`, `3 runs`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** A path on the server from its parts, without doubled or outer slashes. */
export function joinPath(...parts: string[]): string {
  return parts
    .flatMap(part => part.split('/'))
    .filter(part => part !== '')
    .join('/');
}
