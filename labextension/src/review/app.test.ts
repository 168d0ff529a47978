import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { find, open, press, settle, shut, stage } from './stage';
import { FakeModel } from './testing';
import { MEMORY } from './typeahead';

const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202Eevil';

beforeEach(() => sessionStorage.clear());
afterEach(shut);

function lines(): string[] {
  return [...stage().querySelectorAll('.dcai-review-line')].map(n => n.textContent ?? '');
}

const selected = () => find('.dcai-review-line.is-selected').dataset.position;
const verdicts = (model: FakeModel) =>
  model.log.map(l => `${l.finding} ${l.verdict}${l.value == null ? '' : ` ${l.value}`}`);

describe('deciding', () => {
  it('keeps, takes the suggestion, takes a class, excludes and doubts, a key each, and goes on', async () => {
    const model = open({ total: 6 });
    await settle();
    press('q', 'w', '3', 'e', 'n');
    await settle();
    expect(verdicts(model)).toEqual(['f0 keep', 'f1 relabel dog', 'f2 relabel bird', 'f3 exclude', 'f4 unsure']);
    expect(selected()).toBe('5');
    expect(lines()[0]).toContain('✓kept');
    expect(find('.dcai-review-count').textContent).toBe('5 of 6 decided · 1 left');
  });

  it('keeps where the class of the digit is the given one', async () => {
    const model = open();
    await settle();
    press('2');
    await settle();
    expect(verdicts(model)).toEqual(['f0 keep']);
  });

  it('edits cells where there are no classes', async () => {
    const model = open({ card: () => ({ classes: [] }), item: () => ({ column: 'text', given: 'N/A' }) });
    await settle();
    press('w');
    await settle();
    press('1');
    expect(model.decisions).toHaveLength(1);
    expect(model.decisions[0]).toMatchObject({ verdict: 'edit', value: 'dog', column: 'text' });
    expect(find('.dcai-review-status').textContent).toBe('This finding is not about a class.');
  });

  it('takes forty keys at full speed, none lost, before the first row is even there', async () => {
    const model = open({ total: 40 });
    press(...Array.from({ length: 40 }, (_, i) => (i % 2 ? 'e' : 'q')));
    await vi.waitFor(() => expect(model.log).toHaveLength(40));
    expect(verdicts(model)).toEqual(Array.from({ length: 40 }, (_, i) => `f${i} ${i % 2 ? 'exclude' : 'keep'}`));
    expect(stage().textContent).toContain('All done');
  });

  it('drops keys whose row came much later', async () => {
    const now = vi.spyOn(Date, 'now');
    const model = new FakeModel();
    model.silent = true;
    open({}, model);
    press('q');
    now.mockReturnValue(Date.now() + MEMORY + 1);
    model.silent = false;
    const [page] = model.sent;
    if (page) {
      model.answer(page);
    }
    for (let i = 0; i < 10; i++) {
      await settle();
      for (const message of model.sent.filter(m => 'ask' in m)) {
        model.answer(message);
      }
    }
    expect(find('.dcai-review-reason').textContent).toContain('Row 10');
    expect(model.decisions).toEqual([]);
    expect(find('[role=alert]').textContent).toContain('1 key was ignored: the row or the dialog came too late.');
    now.mockRestore();
  });

  it('decides nothing by keys that were meant for a dialog that was not there yet', async () => {
    const model = open();
    press('b', 'q', 'e');
    await settle();
    expect(find('[role=dialog]').textContent).toContain('Several values are right');
    expect(model.decisions).toEqual([]);
    expect(find('[role=alert]').textContent).toContain('2 keys were ignored');
  });

  it('decides about the row of the dialog, even if Python moves on meanwhile', async () => {
    const model = open();
    await settle();
    press('b');
    model.set('selected', 'f2');
    await settle();
    press('Ctrl+Enter');
    await settle();
    expect(model.log.map(l => [l.finding, l.verdict])).toEqual([['f0', 'ambiguous']]);
    expect(selected()).toBe('2');
  });

  it('shows a decision as pending until it is answered, and asks before the page is left', async () => {
    const model = open();
    await settle();
    model.silent = true;
    press('q');
    expect(lines()[0]).toContain('kept, saving');
    const leave = new Event('beforeunload', { cancelable: true });
    window.dispatchEvent(leave);
    expect(leave.defaultPrevented).toBe(true);
    expect(selected()).toBe('1');
    model.answer(model.decisions[0] as never);
    await settle();
    expect(lines()[0]).toContain('✓kept');
  });

  it('shows what was refused, goes back to it, and takes the next try', async () => {
    let full = true;
    const model = open({ refuse: d => (full && d.finding === 'f0' ? 'The disk is full.' : undefined) });
    await settle();
    press('q');
    await settle();
    expect(find('[role=alert]').textContent).toContain('Row 10 was not saved. The disk is full.');
    expect(lines()[0]).toContain('!not saved');
    full = false;
    find('[role=alert] button').click();
    await settle();
    expect(selected()).toBe('0');
    find('.dcai-review').focus();
    press('e');
    await settle();
    expect(verdicts(model)).toEqual(['f0 exclude']);
    expect(find('[role=alert]').hidden).toBe(true);
  });

  it('undoes and redoes, and keys that follow at once mean the row that came back', async () => {
    const model = open();
    await settle();
    press('q', 'e', 'Ctrl+z', 'n');
    await vi.waitFor(() => expect(verdicts(model)).toEqual(['f0 keep', 'f1 unsure']));
    press('Ctrl+z', 'Ctrl+Shift+Z');
    await vi.waitFor(() => expect(model.decisions.at(-1)?.verdict).toBe('redo'));
    await settle();
    expect(verdicts(model)).toEqual(['f0 keep', 'f1 unsure']);
  });

  it('stays at a row whose other cell was edited, and says that its finding is open', async () => {
    const model = open({
      card: () => ({ classes: [] }),
      item: () => ({ column: null, given: null, suggested: null, detector: 'outliers' })
    });
    await settle();
    press('Enter');
    find<HTMLTextAreaElement>('textarea[aria-label="New value"]').value = 'a plush toy';
    press('Enter');
    await settle();
    expect(model.decisions[0]).toMatchObject({ verdict: 'edit', value: 'a plush toy', column: 'text' });
    expect(selected()).toBe('0');
    expect(find('.dcai-review-edits').textContent).toContain('text now “a plush toy”');
  });

  it('saves what was decided while the kernel was gone, once the cell is run again', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const old = open();
    await settle();
    old.gone = true;
    press('q', 'w', 'Ctrl+z');
    expect(find('.dcai-review-saved').textContent).toBe(
      '3 decisions not saved: the kernel is gone. Run the cell again to save.'
    );
    const model = open();
    // In the order in which they were made; the undo took the second one back.
    await vi.waitFor(() => expect(model.decisions.map(d => d.verdict)).toEqual(['keep', 'relabel', 'undo']));
    await settle();
    expect(verdicts(model)).toEqual(['f0 keep']);
    expect(find('.dcai-review-saved').textContent).toBe('saved to corrections/label.jsonl');
    const third = open();
    await settle();
    expect(third.decisions).toEqual([]);
    warn.mockRestore();
  });

  it('sends what was on its way when the kernel died again under its name, so that it is not written twice', async () => {
    const old = open();
    await settle();
    old.silent = true;
    press('q', 'w');
    const model = open();
    await vi.waitFor(() => expect(verdicts(model)).toEqual(['f0 keep', 'f1 relabel dog']));
    expect(model.decisions.map(d => d.client_id)).toEqual(old.decisions.slice(0, 2).map(d => d.client_id));
  });

  it('says when all is decided, and when there is nothing', async () => {
    open({ total: 1 });
    await settle();
    press('q');
    await settle();
    expect(stage().textContent).toContain('You have decided the only finding.');
    open({ total: 0 });
    await settle();
    expect(stage().textContent).toContain('Nothing to review');
  });

  it('takes over what was decided in a cell', async () => {
    const model = open();
    await settle();
    model.broadcast({ f1: 'exclude' });
    expect(lines()[1]).toContain('✓excluded');
    press('q');
    await settle();
    expect(selected()).toBe('2');
  });
});

describe('keys', () => {
  it('reach no shortcut of the notebook, and are left alone outside', async () => {
    const model = open();
    await settle();
    const notebook = vi.fn();
    document.addEventListener('keydown', notebook, { capture: true });
    press('q', 'x', 'd', 'Enter', 'Escape', 'Escape');
    expect(notebook).not.toHaveBeenCalled();
    press('Ctrl+c');
    expect(notebook).toHaveBeenCalledTimes(1);
    const outside = document.createElement('input');
    document.body.append(outside);
    outside.focus();
    press('q', 'e');
    expect(notebook).toHaveBeenCalledTimes(3);
    await settle();
    expect(verdicts(model)).toEqual(['f0 keep']);
    document.removeEventListener('keydown', notebook, { capture: true });
    outside.remove();
  });

  it('are dead in the note, which is saved with the decision', async () => {
    const model = open();
    await settle();
    press('m');
    const note = find<HTMLTextAreaElement>('.dcai-review-note textarea');
    expect(document.activeElement).toBe(note);
    note.value = 'see the invoice';
    note.dispatchEvent(new Event('input'));
    press('q', 'e', '1', 'j');
    expect(model.decisions).toEqual([]);
    press('Escape', 'q');
    await settle();
    expect(model.log).toEqual([{ finding: 'f0', verdict: 'keep', value: undefined, note: 'see the invoice' }]);
    expect(note.value).toBe('');
  });

  it('keep a note with its row while others are looked at', async () => {
    open();
    await settle();
    const note = find<HTMLTextAreaElement>('.dcai-review-note textarea');
    note.value = 'half a thought';
    note.dispatchEvent(new Event('input'));
    press('j');
    await settle();
    expect(note.value).toBe('');
    press('k');
    await settle();
    expect(note.value).toBe('half a thought');
  });

  it('press the button that has the focus, instead of editing', async () => {
    open();
    await settle();
    find('.dcai-review-button.is-unsure').focus();
    press('Enter', ' ');
    expect(stage().querySelector('[role=dialog]')).toBeNull();
  });

  it('are not listened to after the view is closed', async () => {
    const model = open();
    await settle();
    shut();
    press('q');
    await settle();
    expect(model.decisions).toEqual([]);
    expect(model.listeners()).toBe(0);
  });
});

describe('labels with parts', () => {
  const set = ['drama', 'crime', 'war'].map((name, i) => ({ name, probability: 0.9 - 0.3 * i, given: i !== 1 }));
  const given = '["drama", "war"]';
  const suggested = '["drama", "crime", "war"]';

  it('turns one class of a set on or off by its number', async () => {
    const model = open({ card: () => ({ classes: set, several: true }), item: () => ({ given, suggested }) });
    await settle();
    const pressed = [...stage().querySelectorAll('.dcai-review-class')].map(n => n.getAttribute('aria-pressed'));
    expect(pressed).toEqual(['true', 'false', 'true']);
    press('2');
    await settle();
    press('1');
    await settle();
    expect(model.decisions[0]).toMatchObject({ verdict: 'relabel', value: ['drama', 'crime', 'war'], column: 'label' });
    expect(model.decisions[1]).toMatchObject({ verdict: 'relabel', value: ['war'] });
  });

  it('takes the suggested set, and any other', async () => {
    const model = open({ card: () => ({ classes: set, several: true }), item: () => ({ given, suggested }) });
    await settle();
    press('w');
    await settle();
    expect(model.decisions[0]).toMatchObject({ verdict: 'relabel', value: suggested, column: 'label' });
    press('0');
    expect(find('[role=dialog]').textContent).toContain('All classes that belong here');
    press('Enter', 'Ctrl+Enter');
    await settle();
    expect(model.decisions[1]).toMatchObject({ verdict: 'relabel', value: ['war'] });
  });

  it('shows a token in its sentence, with the tags', async () => {
    const sentence = { tokens: ['Ada', HOSTILE, 'left'], tags: ['B-PER', 'I-PER', 'O'], at: 1, cut: true };
    open({ card: () => ({ sentence }) });
    await settle();
    const node = find('.dcai-review-sentence');
    expect(node.querySelector('mark')?.textContent).toContain('<img src=x');
    expect([...node.querySelectorAll('small')].map(n => n.textContent)).toEqual(['B-PER', 'I-PER']);
    expect(node.textContent).toContain('cut for display');
    expect(node.querySelector('img')).toBeNull();
  });
});

describe('dialogs', () => {
  const many = Array.from({ length: 1000 }, (_, i) => ({ name: `class ${i}`, probability: 1 / (i + 2) }));

  it('finds one class among a thousand by a few letters', async () => {
    const model = open({ card: () => ({ classes: many }) });
    await settle();
    press('/');
    const input = find<HTMLInputElement>('[role=dialog] input');
    expect(document.activeElement).toBe(input);
    input.value = 'ss 73';
    input.dispatchEvent(new Event('input'));
    press('ArrowDown', 'Enter');
    await settle();
    expect(verdicts(model)).toEqual(['f0 relabel class 730']);
    expect(stage().querySelector('[role=dialog]')).toBeNull();
    expect(document.activeElement).toBe(find('.dcai-review'));
  });

  it('finds a class that the card did not bring, among those that are known from the start', async () => {
    const model = open({
      card: () => ({ classes: many.slice(0, 20) }),
      terms: { classes: many.map(c => c.name), agreement: '2 reviewers agree in 50 % of 4 cells.' }
    });
    await settle();
    expect(find('.dcai-review-class.is-other').textContent).toContain('991 more');
    expect(find('.dcai-review-terms').textContent).toBe('2 reviewers agree in 50 % of 4 cells.');
    press('/');
    const input = find<HTMLInputElement>('[role=dialog] input');
    input.value = 'ss 730';
    input.dispatchEvent(new Event('input'));
    press('Enter');
    await settle();
    expect(verdicts(model)).toEqual(['f0 relabel class 730']);
  });

  it('takes several classes as right, the given and the suggested one to begin with', async () => {
    const model = open();
    await settle();
    press('b');
    const input = find<HTMLInputElement>('[role=dialog] input');
    input.value = 'bird';
    input.dispatchEvent(new Event('input'));
    press('Enter', 'Ctrl+Enter');
    await settle();
    expect(model.decisions[0]).toMatchObject({ verdict: 'ambiguous', value: ['cat', 'dog', 'bird'], column: 'label' });
  });

  it('needs two values at least', async () => {
    const model = open();
    await settle();
    press('b', 'Enter', 'Ctrl+Enter');
    expect(model.decisions).toEqual([]);
    expect(find<HTMLButtonElement>('[role=dialog] .is-main').disabled).toBe(true);
  });

  it('never starts from a text that was cut for display', async () => {
    open({
      card: () => ({ cells: [{ column: 'text', text: 'long', kind: 'text', cut: true }], classes: [] }),
      item: () => ({ column: 'text', given: 'long' })
    });
    await settle();
    press('Enter');
    expect(find<HTMLTextAreaElement>('textarea[aria-label="New value"]').value).toBe('');
    expect(stage().textContent).toContain('type the whole new value');
  });

  it('sends a new label as an edit, a known one as a relabel, the given one as kept', async () => {
    const model = open();
    for (const text of ['wolf', 'bird', 'cat']) {
      await settle();
      press('Enter');
      find<HTMLTextAreaElement>('textarea[aria-label="New value"]').value = text;
      press('Enter');
    }
    await settle();
    expect(verdicts(model)).toEqual(['f0 edit wolf', 'f1 relabel bird', 'f2 keep']);
  });

  it('shows every key in the help, which swallows them', async () => {
    const model = open();
    await settle();
    press('?', 'q', 'e');
    expect(find('[role=dialog]').textContent).toContain('keep the given value');
    press('Escape');
    expect(stage().querySelector('[role=dialog]')).toBeNull();
    expect(model.decisions).toEqual([]);
  });
});

describe('the rows most like a label in doubt', () => {
  const near = [
    { row: 7, label: 'dog', cells: [{ column: 'text', text: HOSTILE, kind: 'text', cut: false }], how: '0.1 away' }
  ];
  const asked = (model: FakeModel) => model.sent.filter(m => 'ask' in m && m.ask === 'near');

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('stand beside it once the hand rests, and are asked for once', async () => {
    const model = open({ near });
    await settle();
    expect(asked(model)).toHaveLength(0);
    vi.advanceTimersByTime(1000);
    await settle();
    expect(find('.dcai-review-rows thead').textContent).toContain('Row 7 0.1 away');
    expect(stage().querySelector('script, img')).toBeNull();
    press('j');
    await settle();
    press('k');
    await settle();
    expect(find('.dcai-review-rows thead').textContent).toContain('Row 7');
    vi.advanceTimersByTime(1000);
    await settle();
    expect(asked(model)).toHaveLength(1);
  });

  it('are not asked for by a quick hand, nor where the finding names rows of its own', async () => {
    const model = open({ near, item: i => (i === 2 ? { column: null, suggested: null } : {}) });
    await settle();
    press('q', 'q');
    await settle();
    expect(selected()).toBe('2');
    vi.advanceTimersByTime(1000);
    await settle();
    expect(asked(model)).toHaveLength(0);
  });
});

describe('the screen', () => {
  it('shows hostile text as text, everywhere', async () => {
    open({
      item: () => ({ given: HOSTILE, suggested: HOSTILE, detector: HOSTILE }),
      card: item => ({
        finding: { ...item, key: { [HOSTILE]: HOSTILE }, part: 1, confidence: 0.5, reason: HOSTILE, peers: [1] },
        cells: [{ column: HOSTILE, text: HOSTILE, kind: 'text', cut: false }],
        classes: [{ name: HOSTILE, probability: 0.5, meaning: HOSTILE }],
        peers: [{ row: 1, label: HOSTILE, cells: [{ column: HOSTILE, text: HOSTILE, kind: 'text', cut: false }] }],
        group: { group: 'g', title: HOSTILE, size: 2, decided: 0, certified: false, statement: HOSTILE },
        note: HOSTILE
      })
    });
    await settle();
    press('b');
    expect(stage().querySelectorAll('img, script')).toHaveLength(0);
    expect((window as { hacked?: number }).hacked).toBeUndefined();
    expect(stage().textContent).not.toContain('\u202E');
    expect(find('.dcai-review-reason').textContent).toContain('<img src=x');
  });

  it('draws only the lines in sight of a hundred thousand', async () => {
    const model = open({ total: 100_000 });
    await settle();
    expect(stage().querySelectorAll('.dcai-review-line').length).toBeLessThan(40);
    expect(model.sent.filter(m => 'ask' in m && m.ask === 'page')).toHaveLength(1);
  });

  it('names itself, its buttons and its states', async () => {
    open();
    await settle();
    const root = find('.dcai-review');
    expect(root.getAttribute('role')).toBe('application');
    expect(root.getAttribute('aria-label')).toBe('Review of 3 findings. Press ? for the keys.');
    expect(root.dataset.lmSuppressShortcuts).toBe('true');
    const names = [
      ...stage().querySelectorAll('.dcai-review-footer [role=toolbar] button:not([hidden]) .dcai-review-label')
    ].map(n => n.textContent);
    expect(names).toEqual([
      'Keep “cat”',
      'Take “dog”',
      'Other class …',
      'Edit …',
      'Exclude row',
      'Ambiguous …',
      'Unsure'
    ]);
    expect(stage().querySelectorAll('[role=status][aria-live=polite], [role=alert]')).toHaveLength(2);
  });

  it('says why an action is not possible, by button and by key', async () => {
    const model = open({
      item: () => ({ suggested: null }),
      card: () => ({
        group: { group: 'g', title: 't', size: 9, decided: 1, certified: false, statement: 'Review 5 more.' }
      })
    });
    await settle();
    const take = find('.is-suggestion');
    expect([take.getAttribute('aria-disabled'), take.title]).toEqual(['true', 'There is no suggestion for this row.']);
    press('w');
    expect(find('.dcai-review-status').textContent).toBe('There is no suggestion for this row.');
    press('a');
    expect(find('.dcai-review-status').textContent).toBe('The group is not certified yet. Review 5 more.');
    expect(model.decisions).toEqual([]);
  });

  it('accepts a certified group, and goes on only when it is answered', async () => {
    const model = open({
      card: () => ({
        group: { group: 'g', title: 't', size: 9, decided: 1, certified: true, statement: 'At least 92 % right.' }
      })
    });
    await settle();
    expect(find('.dcai-review-group').textContent).toContain('At least 92 % right.');
    model.silent = true;
    press('a');
    expect(model.decisions).toMatchObject([{ finding: 'f0', verdict: 'accept' }]);
    expect(selected()).toBe('0');
    model.silent = false;
    model.answer(model.decisions[0] as never);
    await settle();
    expect(selected()).toBe('1');
  });

  it('stays with the random rows of a group until the reviewer moves by hand', async () => {
    const model = open({
      total: 6,
      card: () => ({ group: { group: 'g', title: 't', size: 6, decided: 0, certified: false, statement: 'Locked.' } })
    });
    await settle();
    press('r');
    await settle();
    expect(selected()).toBe('5');
    press('w');
    await settle();
    press('q');
    await settle();
    expect(verdicts(model)).toEqual(['f5 relabel dog', 'f4 keep']);
    expect(selected()).toBe('3');
    press('k', 'k', 'k', 'q');
    await settle();
    expect(selected()).toBe('1');
  });

  it('shows peers beside the row, and images only from the data itself', async () => {
    open({
      card: () => ({
        cells: [
          { column: 'x', text: '1', kind: 'number', cut: false },
          { column: 'ok', text: 'data:image/png;base64,iVBORw0KGgo=', kind: 'image', cut: false },
          { column: 'bad', text: 'https://example.org/a.png', kind: 'image', cut: false }
        ],
        peers: [{ row: 7, label: 'dog', cells: [{ column: 'x', text: '2', kind: 'number', cut: false }] }]
      })
    });
    await settle();
    expect([...stage().querySelectorAll('thead th')].map(n => n.textContent)).toEqual(['This row', 'Row 7']);
    expect([...stage().querySelectorAll('img')].map(n => n.getAttribute('src'))).toEqual([
      'data:image/png;base64,iVBORw0KGgo='
    ]);
    expect(find('td.is-different').textContent).toContain('dog');
  });

  it('tells Python where the reviewer rests, and goes where Python points', async () => {
    vi.useFakeTimers();
    const model = open({ total: 500 });
    await settle();
    press('j', 'j');
    expect(model.get('selected')).toBe('');
    vi.advanceTimersByTime(300);
    expect(model.get('selected')).toBe('f2');
    model.set('selected', 'f321');
    await settle();
    expect(find('.dcai-review-reason').textContent).toContain('Row 331');
    vi.useRealTimers();
  });
});
