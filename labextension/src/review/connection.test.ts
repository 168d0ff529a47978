import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Connection, FIRST_WAIT, type State } from './connection';
import { FakeModel } from './testing';

describe('Connection', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('resolves a decision with its own answer, whatever the order', async () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    const first = connection.decide({ finding: 'f0', verdict: 'keep' });
    const second = connection.decide({ finding: 'f1', verdict: 'exclude' });
    const [a, b] = model.decisions;
    if (a && b) {
      model.answer(b);
      model.answer(a);
    }
    expect(Object.keys((await first).decided ?? {})).toEqual(['f0']);
    expect(Object.keys((await second).decided ?? {})).toEqual(['f1']);
  });

  it('sends an unanswered decision again with the same client_id, and it is decided once', async () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    const answer = connection.decide({ finding: 'f0', verdict: 'keep' });
    vi.advanceTimersByTime(FIRST_WAIT + 1000);
    expect(model.decisions).toHaveLength(2);
    expect(model.decisions[0]).toEqual(model.decisions[1]);
    for (const message of model.decisions) {
      model.answer(message);
    }
    expect((await answer).id).toBe('c1');
    expect(model.log).toHaveLength(1);
    expect(connection.state.unsaved).toBe(0);
  });

  it('waits longer each time, does not give up, and stops when answered', () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    void connection.decide({ finding: 'f0', verdict: 'keep' });
    vi.advanceTimersByTime(600_000);
    const tries = model.sent.length;
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(30);
    const [message] = model.decisions;
    if (message) {
      model.answer(message);
    }
    vi.advanceTimersByTime(600_000);
    expect(model.sent).toHaveLength(tries);
  });

  it('keeps a decision that could not be sent, and sends it when the kernel is back', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const model = new FakeModel();
    model.gone = true;
    const connection = new Connection(model);
    const states: State[] = [];
    connection.onState = state => states.push(state);
    const answer = connection.decide({ finding: 'f0', verdict: 'keep' });
    expect(states.at(-1)).toEqual({ unsaved: 1, silent: false, broken: true });
    model.gone = false;
    vi.advanceTimersByTime(FIRST_WAIT + 1000);
    expect((await answer).id).toBe('c1');
    expect(states.at(-1)).toEqual({ unsaved: 0, silent: false, broken: false });
    warn.mockRestore();
  });

  it('sends at once when the browser is online again', () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    void connection.decide({ finding: 'f0', verdict: 'keep' });
    window.dispatchEvent(new Event('online'));
    expect(model.sent).toHaveLength(2);
  });

  it('sends what is unanswered a last time when it is closed, then listens no more', () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    void connection.decide({ finding: 'f0', verdict: 'keep' });
    // Whether it is on disk is not known: another view may send it again, under its name.
    expect(connection.close().map(d => d.client_id)).toEqual(model.decisions.slice(0, 1).map(d => d.client_id));
    expect(model.sent).toHaveLength(2);
    expect(model.listeners()).toBe(0);
    vi.advanceTimersByTime(600_000);
    expect(model.sent).toHaveLength(2);
  });

  it('hears answers to another view, and its numbers do not meet those of that view', async () => {
    const model = new FakeModel();
    const one = new Connection(model);
    const other = new Connection(model);
    const heard: string[] = [];
    other.onAnswer = answer => heard.push(...Object.keys(answer.decided ?? {}));
    await one.decide({ finding: 'f0', verdict: 'keep' });
    expect(heard).toEqual(['f0']);
    void other.ask({ ask: 'page' });
    expect(new Set(model.sent.map(m => m.seq)).size).toBe(model.sent.length);
    expect(model.sent.every(m => Number.isSafeInteger(m.seq))).toBe(true);
  });
});
