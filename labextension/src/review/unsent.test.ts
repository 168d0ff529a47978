import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Notes } from './notes';
import { countPending } from './pending';
import { find, open, press, settle, shut, stage, type } from './stage';
import { FakeModel } from './testing';

const page = globalThis as unknown as Record<symbol, { clear(): void } | undefined>;
const LIVES = [Symbol.for('dcai.review.open'), Symbol.for('dcai.review.pending')];

beforeEach(() => sessionStorage.clear());
afterEach(() => {
  shut();
  LIVES.forEach(name => {
    page[name]?.clear();
  });
});

/** Load the page anew: the store of the tab stays, what lives in the page does not. */
function reload(): void {
  LIVES.forEach(name => {
    page[name]?.clear();
  });
  stage().replaceChildren();
}

describe('what was not known to be saved', () => {
  it('is shown as pending and sent once after the page was loaded anew', async () => {
    const old = open({ total: 4 });
    await settle();
    old.lost = true;
    press('q', 'e');
    reload();
    const model = new FakeModel({ total: 4 });
    model.silent = true;
    open({}, model);
    expect(find('.dcai-review-saved').textContent).toBe('saving 2 decisions …');
    model.silent = false;
    for (const message of [...model.sent]) {
      model.answer(message);
    }
    await vi.waitFor(() => expect(model.log.map(l => `${l.finding} ${l.verdict}`)).toEqual(['f0 keep', 'f1 exclude']));
    await settle();
    expect(model.decisions.map(d => d.client_id)).toEqual(old.decisions.slice(0, 2).map(d => d.client_id));
    expect(stage().querySelectorAll('.dcai-review-badge.is-saved')).toHaveLength(2);
    expect(find('.dcai-review-head strong').textContent).toBe('Row 12');
  });

  it('stays where it is while another reviews, who is told', async () => {
    const old = open();
    await settle();
    old.lost = true;
    press('q');
    reload();
    const bob = open({ by: 'bob' });
    await settle();
    expect(bob.decisions).toEqual([]);
    expect(find('[role=alert]').textContent).toContain('Decisions of ada wait in this browser tab.');
    const ada = open();
    await vi.waitFor(() => expect(ada.log).toHaveLength(1));
  });

  it('is told where it is refused later', async () => {
    const old = open();
    await settle();
    old.lost = true;
    press('q');
    reload();
    const model = open({ refuse: () => 'There is no such finding.' });
    await settle();
    expect(find('[role=alert]').textContent).toContain('Row 10 was not saved. There is no such finding.');
    expect(model.log).toEqual([]);
    expect(sessionStorage).toHaveLength(0);
  });

  it('holds an undo too, which takes back what it was meant for', async () => {
    const old = open();
    await settle();
    press('e');
    await settle();
    old.lost = true;
    press('q', 'Ctrl+z');
    expect(find('.dcai-review-saved').textContent).toBe('saving 2 decisions …');
    reload();
    const model = open();
    await settle();
    expect(model.decisions.map(d => d.verdict)).toEqual(['keep', 'undo']);
    expect(model.log).toEqual([]);
  });
});

describe('a page that is left', () => {
  function isAskedFirst(): boolean {
    const leave = new Event('beforeunload', { cancelable: true });
    window.dispatchEvent(leave);
    return leave.defaultPrevented;
  }

  it('asks first while a decision is pending, also after its notebook was closed, and no longer', async () => {
    const model = open();
    await settle();
    expect(isAskedFirst()).toBe(false);
    press('q');
    await settle();
    expect(isAskedFirst()).toBe(false);
    model.silent = true;
    press('e', 'n');
    expect(isAskedFirst()).toBe(true);
    const elsewhere = document.createElement('div');
    document.body.append(elsewhere);
    expect([countPending(), countPending(stage()), countPending(elsewhere)]).toEqual([2, 2, 0]);
    shut();
    // What is out of the page may have been in any part of it.
    expect([isAskedFirst(), countPending(elsewhere)]).toEqual([true, 2]);
    const [first, last] = model.decisions.slice(-2) as [never, never];
    model.answer(first);
    expect(countPending()).toBe(1);
    model.answer(last);
    expect(isAskedFirst()).toBe(false);
    expect(sessionStorage).toHaveLength(0);
  });

  it('knows in which notebook a decision waits when that is closed, or its cell scrolled away', async () => {
    const model = open();
    await settle();
    const notebook = stage();
    notebook.classList.add('jp-MainAreaWidget');
    const other = document.createElement('div');
    document.body.append(other);
    model.silent = true;
    press('q');
    const review = find('.dcai-review');
    review.remove();
    expect([countPending(), countPending(notebook), countPending(other)]).toEqual([1, 1, 0]);
    notebook.append(review);
    shut();
    // A kernel that is dead never answers: whoever closes another notebook is not asked about this one.
    expect([isAskedFirst(), countPending(other)]).toEqual([true, 0]);
  });

  it('does not ask for what the next view of the log has saved', async () => {
    const old = open();
    await settle();
    old.lost = true;
    press('q');
    const next = new FakeModel();
    open({}, next);
    expect(countPending()).toBe(1);
    await settle();
    expect(next.log).toHaveLength(1);
    expect(isAskedFirst()).toBe(false);
  });
});

describe('a note that belongs to no decision yet', () => {
  it('is there again when the page was loaded anew, and gone once it is saved', async () => {
    open();
    await settle();
    type('[aria-label="Note"]', 'ask the vet');
    reload();
    const model = open();
    await settle();
    expect(find<HTMLTextAreaElement>('[aria-label="Note"]').value).toBe('ask the vet');
    press('q');
    await settle();
    expect(model.log[0]?.note).toBe('ask the vet');
    expect(sessionStorage).toHaveLength(0);
  });

  it('is not overwritten by another view of the log, and is shown to its reviewer only', () => {
    const [one, other, bob] = [new Notes('y.jsonl', 'ada'), new Notes('y.jsonl', 'ada'), new Notes('y.jsonl', 'bob')];
    one.set('f0', 'ask the vet');
    other.set('f1', 'a dog');
    bob.set('f2', 'no idea');
    const again = new Notes('y.jsonl', 'ada');
    expect(['f0', 'f1', 'f2'].map(finding => again.get(finding))).toEqual(['ask the vet', 'a dog', undefined]);
    expect(new Notes('y.jsonl', 'bob').get('f0')).toBeUndefined();
    other.delete('f0');
    expect(one.get('f0')).toBeUndefined();
  });

  it('stays in its view where the store is full', () => {
    const full = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const notes = new Notes('y.jsonl', 'ada');
    const broken = new Proxy(sessionStorage, {
      set: () => {
        throw new Error('full');
      }
    });
    vi.stubGlobal('sessionStorage', broken);
    notes.set('f0', 'ask the vet');
    vi.unstubAllGlobals();
    expect(full).toHaveBeenCalledOnce();
    expect([notes.get('f0'), new Notes('y.jsonl', 'ada').get('f0')]).toEqual(['ask the vet', undefined]);
    full.mockRestore();
  });
});
