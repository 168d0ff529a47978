import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Connection, FIRST_WAIT, type State } from './connection';
import { FakeModel } from './testing';

describe('Connection', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    sessionStorage.clear();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('resolves a decision with its own answer, in the order in which they were made, whatever arrives first', async () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    const first = connection.decide({ finding: 'f0', verdict: 'keep' });
    const second = connection.decide({ finding: 'f1', verdict: 'exclude' });
    const [a, b] = model.decisions;
    if (a && b) {
      model.answer(b);
      expect(model.log).toEqual([]);
      model.answer(a);
    }
    expect(Object.keys((await first).decided ?? {})).toEqual(['f0']);
    expect(Object.keys((await second).decided ?? {})).toEqual(['f1']);
    expect(model.log.map(l => l.finding)).toEqual(['f0', 'f1']);
  });

  it('lets no undo overtake the lost decision that it takes back', () => {
    const model = new FakeModel();
    const connection = new Connection(model);
    model.silent = true;
    const answer = (verdict: string) => {
      for (const message of model.decisions.filter(d => d.verdict === verdict)) {
        model.answer(message);
      }
    };
    void connection.decide({ finding: 'f0', verdict: 'keep' });
    answer('keep');
    void connection.decide({ finding: 'f1', verdict: 'exclude' });
    void connection.decide({ finding: '', verdict: 'undo' });
    // The exclusion is lost on its way, the undo is not.
    answer('undo');
    expect(model.log.map(l => l.finding)).toEqual(['f0']);
    vi.advanceTimersByTime(FIRST_WAIT + 1000);
    answer('exclude');
    expect(model.log.map(l => l.finding)).toEqual(['f0']);
    expect(connection.state.unsaved).toBe(0);
  });

  it('names at each sending what is unanswered then', () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    void connection.decide({ finding: 'f0', verdict: 'keep' });
    void connection.decide({ finding: 'f1', verdict: 'keep' });
    const [first, second] = model.decisions;
    expect([first?.after, second?.after]).toEqual(['', first?.client_id]);
    if (first) {
      model.answer(first);
    }
    vi.advanceTimersByTime(FIRST_WAIT + 1000);
    expect(model.decisions.at(-1)).toEqual({ ...second, after: '' });
  });

  it('draws a random row only when what was decided before is known to be saved', async () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    void connection.decide({ finding: 'f2', verdict: 'keep' });
    const drawn = connection.ask({ ask: 'draw', finding: 'f2' });
    expect(model.sent).toHaveLength(1);
    model.silent = false;
    model.answer(model.decisions[0] as never);
    expect((await drawn).card?.finding.finding).toBe('f1');
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

  it('sends what is unanswered a last time when it is closed, and listens until that is answered', () => {
    const model = new FakeModel();
    model.silent = true;
    const connection = new Connection(model);
    void connection.decide({ finding: 'f0', verdict: 'keep' });
    connection.close();
    expect(model.sent).toHaveLength(2);
    expect(model.listeners()).toBe(1);
    vi.advanceTimersByTime(600_000);
    expect(model.sent).toHaveLength(2);
    model.answer(model.sent[0] as never);
    expect(model.listeners()).toBe(0);
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

  const desk = { log: 'corrections/label.jsonl', by: 'ada' };

  it('keeps what is unanswered for the next view of the same log and reviewer, in order and under its name', async () => {
    const old = new FakeModel();
    old.lost = true;
    const first = new Connection(old, desk);
    void first.decide({ finding: 'f0', verdict: 'keep' }, { row: 10, settles: true });
    void first.decide({ finding: '', verdict: 'undo' });
    void first.decide({ finding: 'f1', verdict: 'exclude' }, { row: 11, settles: true });
    expect(new Connection(new FakeModel(), desk).resume()).toEqual([]);
    first.close();
    expect(new Connection(new FakeModel(), { ...desk, log: 'other.jsonl' }).resume()).toEqual([]);
    const other = new Connection(new FakeModel(), { ...desk, by: 'bob' });
    expect([other.resume(), other.others()]).toEqual([[], ['ada']]);
    const model = new FakeModel();
    const next = new Connection(model, desk);
    const resumed = next.resume();
    expect(resumed.map(r => r.about.row)).toEqual([10, -1, 11]);
    await Promise.all(resumed.map(r => r.answer));
    expect(model.decisions.map(d => [d.client_id, d.by])).toEqual(
      old.decisions.slice(0, 3).map(d => [d.client_id, 'ada'])
    );
    expect(model.log.map(l => [l.finding, l.verdict])).toEqual([['f1', 'exclude']]);
    expect(sessionStorage).toHaveLength(0);
    expect(next.resume()).toEqual([]);
  });

  it('survives a store that holds something else', () => {
    sessionStorage.setItem('dcai.review.unsent:corrections/label.jsonl:x', '{"kept": 3');
    sessionStorage.setItem('dcai.review.unsent:corrections/label.jsonl:y', '[]');
    expect(new Connection(new FakeModel(), desk).resume()).toEqual([]);
  });
});
