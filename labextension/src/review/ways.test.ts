import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cell, Spread } from '../contract';
import { find, open, press, settle, shut, stage, type } from './stage';
import type { FakeModel, FakeOptions } from './testing';

beforeEach(() => sessionStorage.clear());
afterEach(shut);

async function begin(options: FakeOptions = {}): Promise<FakeModel> {
  const model = open(options);
  await settle();
  return model;
}

const rows = () => [...stage().querySelectorAll('.dcai-review-line-row')].map(n => n.textContent);
const head = () => find('.dcai-review-head strong').textContent;

describe('a part of the queue', () => {
  const mixed: FakeOptions = {
    total: 6,
    item: i => ({ detector: i % 2 ? 'missing' : 'labels', given: i % 2 ? 'N/A' : 'cat' })
  };

  it('is chosen by a filter, moved in, and left again', async () => {
    const model = await begin(mixed);
    press('f');
    await settle();
    find<HTMLSelectElement>('[aria-label="Found by"]').value = 'missing';
    press('Enter');
    await settle();
    expect(rows()).toEqual(['Row 11', 'Row 13', 'Row 15']);
    expect(find('.dcai-review-shown').textContent).toContain('3 findings: missing value');
    press('q', 'q');
    await settle();
    expect(model.log.map(l => l.finding)).toEqual(['f1', 'f3']);
    expect(head()).toBe('Row 15');
    find<HTMLButtonElement>('.dcai-review-shown button').click();
    await settle();
    expect(rows()).toHaveLength(6);
    expect(stage().querySelectorAll('.dcai-review-badge.is-saved')).toHaveLength(2);
    expect(head()).toBe('Row 10');
  });

  it('keeps what was chosen before where the lists come late', async () => {
    const model = await begin(mixed);
    press('f');
    await settle();
    find<HTMLSelectElement>('[aria-label="Found by"]').value = 'missing';
    find<HTMLSelectElement>('[aria-label="Column"]').value = '"label"';
    press('Enter');
    await settle();
    model.silent = true;
    press('f');
    const chosen = ['Found by', 'Column'].map(name => find<HTMLSelectElement>(`[aria-label="${name}"]`));
    expect(chosen.map(select => select.selectedOptions[0]?.textContent)).toEqual(['missing value', 'label']);
    find<HTMLSelectElement>('[aria-label="State"]').value = 'open';
    press('Enter');
    const filter = { detector: 'missing', column: '"label"', state: 'open' };
    expect(model.sent.findLast(m => 'ask' in m && m.ask === 'filter')).toMatchObject({ filter });
  });

  it('may be empty, which is said', async () => {
    await begin(mixed);
    press('f');
    await settle();
    type('[aria-label="Text to look for"]', 'no such text');
    press('Enter');
    await settle();
    expect(find('.dcai-review-done').textContent).toContain('No finding passes this filter');
    expect(rows()).toEqual([]);
  });

  it('does not keep a row from being gone to', async () => {
    const model = await begin(mixed);
    press('f');
    await settle();
    find<HTMLSelectElement>('[aria-label="Found by"]').value = 'missing';
    press('Enter');
    await settle();
    press('g');
    type('[aria-label="Row, key or finding"]', '14');
    press('Enter');
    await settle();
    expect(head()).toBe('Row 14');
    expect(stage().querySelector('.dcai-review-line.is-selected')).toBeNull();
    press('e');
    await settle();
    expect(model.log.map(l => [l.finding, l.verdict])).toEqual([['f4', 'exclude']]);
  });

  it('is left, although a row is gone to before that is answered', async () => {
    const model = await begin(mixed);
    press('f');
    await settle();
    find<HTMLSelectElement>('[aria-label="Found by"]').value = 'missing';
    press('Enter');
    await settle();
    model.silent = true;
    find<HTMLButtonElement>('.dcai-review-shown button').click();
    press('g');
    type('[aria-label="Row, key or finding"]', '14');
    press('Enter');
    model.silent = false;
    model.answer(model.sent.at(-1) as never);
    await settle();
    expect(head()).toBe('Row 14');
    expect(find('.dcai-review-shown').hidden).toBe(true);
    expect(find('.dcai-review-line.is-selected').textContent).toContain('Row 14');
    press('e');
    await settle();
    expect(model.log.map(l => l.finding)).toEqual(['f4']);
  });

  it('says in the dialog where a row is not there', async () => {
    await begin(mixed);
    press('g');
    type('[aria-label="Row, key or finding"]', '999');
    press('Enter');
    await settle();
    expect(find('[role=dialog] [role=alert]').textContent).toContain('There is no finding');
  });
});

describe('classes that are called by digits', () => {
  const digits: FakeOptions = {
    item: () => ({ given: 3, suggested: 8 }),
    card: () => ({ classes: [8, 3, 1, 0, 7].map((name, i) => ({ name, probability: 0.5 / (i + 1) })) })
  };

  it('are taken by the key of their name, and shown with it', async () => {
    const model = await begin({ ...digits, total: 4 });
    const keys = [...stage().querySelectorAll('.dcai-review-classes .dcai-review-class')].map(n =>
      n.getAttribute('aria-keyshortcuts')
    );
    expect(keys).toEqual(['8', '3', '1', null, '7']);
    expect(find('.dcai-review-classes').textContent).toContain('Digit keys take the class of that name');
    press('7', '3', '1');
    await settle();
    expect(model.log.map(l => [l.verdict, l.value])).toEqual([
      ['relabel', 7],
      ['keep', undefined],
      ['relabel', 1]
    ]);
  });

  it('are never taken by the key of another number', async () => {
    const model = await begin(digits);
    press('2');
    await settle();
    expect(model.log).toEqual([]);
    expect(find('.dcai-review-status').textContent).toContain('No class has the key 2');
  });

  it('can be clicked where they have no key', async () => {
    const model = await begin(digits);
    (stage().querySelectorAll('.dcai-review-class')[3] as HTMLElement).click();
    await settle();
    expect(model.log.map(l => l.value)).toEqual([0]);
  });
});

describe('spellings', () => {
  const spelled: FakeOptions = {
    item: () => ({ detector: 'variants', column: 'town', given: 'rome', suggested: 'Rome' }),
    card: () => ({ classes: [] }),
    cluster: {
      column: 'town',
      keep: 'Rome',
      spellings: [
        { value: 'Rome', rows: 90 },
        { value: 'rome', rows: 3 },
        { value: 'Roma', rows: 2 }
      ]
    }
  };
  const merges = (model: FakeModel) => model.decisions.filter(d => d.verdict === 'merge').map(d => d.value);

  it('are merged with one key', async () => {
    const model = await begin(spelled);
    press('v');
    await settle();
    expect(find('[role=dialog] .is-main').textContent).toBe('Write “Rome” into 5 rows');
    press('Ctrl+Enter');
    await settle();
    expect(merges(model)).toEqual([['Rome', 'rome', 'Roma']]);
    expect(stage().querySelector('[role=dialog]')).toBeNull();
  });

  it('may be split, kept another way, or written anew', async () => {
    const model = await begin(spelled);
    press('v');
    await settle();
    press('ArrowDown', ' ', 'ArrowDown', 'Enter', 'Ctrl+Enter');
    await settle();
    press('v');
    await settle();
    type('[aria-label="Another spelling that stays"]', 'Roma (IT)');
    press('Ctrl+Enter');
    await settle();
    expect(merges(model)).toEqual([
      ['Roma', 'Rome'],
      ['Roma (IT)', 'Rome', 'rome', 'Roma']
    ]);
  });

  it('have a button where there are some, and a reason where there are none', async () => {
    await begin();
    const button = [...stage().querySelectorAll<HTMLElement>('.dcai-review-footer button')].find(b =>
      b.textContent?.includes('Spellings')
    );
    expect(button?.hidden).toBe(true);
    press('v');
    expect(find('.dcai-review-status').textContent).toBe('This finding is not about spellings.');
  });
});

describe('what a review works under', () => {
  it('is told at the beginning', async () => {
    await begin({ terms: { blind: true, masked: ['mail'], remarks: ['“name” seems to hold personal data.'] } });
    expect(find('.dcai-review-terms').textContent).toContain('Blind review');
    expect(find('.dcai-review-terms').textContent).toContain('Sensitive columns are hidden: mail.');
    expect(find('[role=alert]').textContent).toContain('seems to hold personal data');
  });

  it('has the meanings of the classes, which are written down from here', async () => {
    await begin({
      terms: { definitions: [{ name: 'cat', meaning: 'A <b>small</b> feline.', examples: ['Tom'], borderline: [] }] }
    });
    expect(find('.dcai-review-classes').textContent).toContain('A <b>small</b> feline.');
    press('d');
    const classes = find<HTMLSelectElement>('[aria-label="Class"]');
    expect([...classes.options].map(o => o.text)).toEqual(['dog (not written down)', 'cat', 'bird (not written down)']);
    type('[aria-label="Meaning"]', 'It barks.');
    type('[aria-label="Borderline"]', ' a wolf \n\n a fox ');
    press('Ctrl+Enter');
    await settle();
    expect(find('[role=dialog] [role=status]').textContent).toBe('Saved in dcai.yaml.');
    expect(find('.dcai-review-classes').textContent).toContain('It barks.\nBorderline: a wolf; a fox');
  });
});

describe('cells', () => {
  const cell = (text: string, more: Partial<Cell> = {}): Cell => ({
    column: 'c',
    text,
    kind: 'text',
    cut: false,
    ...more
  });
  const shown = async (...cells: Cell[]) => begin({ card: () => ({ cells }) });

  it('are links only where the whole cell is an address of the web', async () => {
    await shown(
      cell('https://example.org/a?b=1#c'),
      cell('javascript:alert(1)'),
      cell(' https://example.org'),
      cell('see https://example.org'),
      cell('https://example.org" onclick="x'),
      cell('https://example.org', { kind: 'masked' })
    );
    const links = [...stage().querySelectorAll<HTMLAnchorElement>('.dcai-review-rows a')];
    expect(links.map(a => a.getAttribute('href'))).toEqual(['https://example.org/a?b=1#c']);
    expect(links[0]?.rel).toContain('noopener');
  });

  it('play sounds only from the data itself', async () => {
    await shown(
      cell('data:audio/wav;base64,UklGRg==', { kind: 'audio' }),
      cell('https://example.org/a.wav', { kind: 'audio' }),
      cell('data:audio/wav;base64,"><script>', { kind: 'audio' })
    );
    expect(stage().querySelectorAll('audio')).toHaveLength(1);
  });

  it('show where a number stands in its column, in words too', async () => {
    const spread: Spread = { low: '1', high: '9', counts: [1, 0, 5, 2], at: 1.1, to: 0.5, share: 0.99 };
    await shown(cell('900', { kind: 'number', spread }));
    const picture = find('[role=img]') as unknown as SVGElement;
    expect(picture.getAttribute('aria-label')).toBe(
      '900, above 9; the column from 1 to 9. 99 % of the column are smaller.'
    );
    expect(picture.querySelectorAll('rect')).toHaveLength(4);
    expect(picture.querySelectorAll('.dcai-review-spread-mark')).toHaveLength(2);
  });

  it('stand among the values of their column', async () => {
    await begin({
      item: () => ({ detector: 'missing', column: 'town', given: 'N/A', suggested: null }),
      card: () => ({
        classes: [],
        context: { rows: 100, empty: 4, distinct: 3, common: [{ value: 'Rome', rows: 60 }], given: 2, suggested: null }
      })
    });
    const context = find('.dcai-review-context').textContent;
    expect(context).toContain('The column: 3 values in 96 rows, 4 rows empty');
    expect(context).toContain('N/A2 rowsgiven');
  });

  it('come with the doubted one first', async () => {
    await begin({ card: () => ({ cells: [cell('x', { column: 'other' }), cell('y', { column: 'label' })] }) });
    expect([...stage().querySelectorAll('.dcai-review-rows th')].map(n => n.textContent)).toEqual(['label', 'other']);
  });
});

describe('the outlook', () => {
  it('says what is left, what the next are worth, and the pace', async () => {
    const model = await begin();
    const outlook = { pace: 31.2, errors: 1200.4, low: 800, high: 1500, next: 50, worth: 41.3 };
    model.set('progress', { ...model.progress, outlook });
    const line = find('.dcai-review-outlook');
    expect(line.textContent).toBe('about 1,200 wrong labels leftnext 50: about 41 to change31 a minute');
    expect(line.querySelector('span')?.title).toContain('800 to 1,500');
  });
});

describe('a finding about which reviewers disagree', () => {
  const at = '2026-03-01T10:00:00.000001Z';
  const said = [
    { id: 'c1', by: 'ada', verdict: 'keep' as const, value: null, at, note: '' },
    { id: 'c2', by: 'bob', verdict: 'relabel' as const, value: '<b>dog</b>', at, note: 'it barks' }
  ];
  const disputed: FakeOptions = {
    total: 4,
    item: i => ({ decided: i === 1 ? 'disputed' : i === 0 ? 'keep' : null }),
    card: item => (item.decided === 'disputed' ? { said, remark: 'A decision of cy no longer fits.' } : {})
  };

  it('is open, says who said what, and is settled by the next decision', async () => {
    const model = await begin(disputed);
    expect(head()).toBe('Row 11');
    expect(find('.dcai-review-line.is-selected').textContent).toContain('⇄disputed');
    const words = find('[aria-label=Disputed]').textContent;
    expect(words).toContain('ada');
    expect(words).toContain('bobrelabelled: “<b>dog</b>”2026-03-01 10:00 UTC“it barks”');
    expect(find('.dcai-review-card').textContent).toContain('A decision of cy no longer fits.');
    press('w');
    await settle();
    expect(model.decisions[0]).toMatchObject({ finding: 'f1', verdict: 'relabel', resolves: ['c1', 'c2'] });
    press('q');
    await settle();
    expect(model.decisions[1]?.resolves).toBeUndefined();
  });

  it('is not settled by one who is unsure', async () => {
    const model = await begin(disputed);
    press('n');
    await settle();
    expect(model.decisions[0]?.resolves).toBeUndefined();
  });

  it('is counted, and found by a filter', async () => {
    const model = await begin(disputed);
    model.set('progress', { ...model.progress, disputed: 1 });
    expect(find('.dcai-review-count').textContent).toContain('· 1 disputed');
    press('f');
    await settle();
    expect([...find<HTMLSelectElement>('[aria-label=State]').options].map(o => o.value)).toContain('disputed');
  });
});

describe('keys that come before what they are meant for', () => {
  it('decide nothing under a dialog that opens late', async () => {
    for (const opener of ['d', 'v']) {
      const model = open({
        item: () => ({ detector: 'label_names' }),
        cluster: { column: 'label', keep: 'cat', spellings: ['cat', 'Cat'].map(value => ({ value, rows: 1 })) }
      });
      press(opener, 'e', 'n', 'Enter');
      await settle();
      expect(stage().querySelectorAll('[role=dialog]')).toHaveLength(1);
      press('Escape');
      await settle();
      expect(model.decisions).toEqual([]);
      // The same where the row is there already, and only the dialog comes late.
      press(opener, ...(opener === 'v' ? ['e', 'n', 'Enter'] : []));
      await settle();
      expect(stage().querySelectorAll('[role=dialog]')).toHaveLength(1);
      expect(model.decisions).toEqual([]);
    }
  });

  it('wait for the row that is gone to', async () => {
    const model = await begin({ total: 300 });
    press('g');
    type('[aria-label="Row, key or finding"]', '260');
    press('Enter', 'e');
    await settle();
    expect(model.log.map(l => [l.finding, l.verdict])).toEqual([['f250', 'exclude']]);
    press('g');
    type('[aria-label="Row, key or finding"]', '9999');
    press('Enter', 'e');
    await settle();
    expect(find('[role=dialog] [role=alert]').textContent).toContain('There is no finding');
    expect(find<HTMLInputElement>('[aria-label="Row, key or finding"]').value).toBe('9999');
    expect(model.log).toHaveLength(1);
  });

  it('are not taken again and again while Ctrl+Z is held down', async () => {
    const model = await begin();
    press('q', 'q');
    await settle();
    for (let i = 0; i < 3; i++) {
      find('.dcai-review').dispatchEvent(
        new KeyboardEvent('keydown', { key: 'z', ctrlKey: true, repeat: i > 0, bubbles: true, composed: true })
      );
    }
    await settle();
    expect(model.log).toHaveLength(1);
  });
});

describe('what Python has to say beside its answer', () => {
  it('is shown after a merge, with the number of findings', async () => {
    await begin({
      item: () => ({ detector: 'variants', column: 'town', given: 'rome', suggested: 'Rome' }),
      card: () => ({ classes: [] }),
      cluster: {
        column: 'town',
        keep: 'Rome',
        spellings: ['Rome', 'rome'].map(value => ({ value, rows: 1 })),
        says: 'Rows that you have decided are left out.'
      },
      told: d => (d.verdict === 'merge' ? '2 rows were left out.' : undefined)
    });
    press('v');
    await settle();
    expect(find('[role=dialog]').textContent).toContain('Rows that you have decided are left out.');
    press('Ctrl+Enter');
    await settle();
    const said = find('.dcai-review-status').textContent;
    expect(said).toBe('Spellings merged: 1 finding decided. Ctrl+Z takes it back. 2 rows were left out.');
  });

  it('is shown after an undo', async () => {
    await begin({ told: d => (d.verdict === 'undo' ? 'Row 10 is open again: kept in another notebook.' : undefined) });
    press('q');
    await settle();
    press('Ctrl+z');
    await settle();
    expect(find('.dcai-review-status').textContent).toBe('Row 10 is open again: kept in another notebook.');
  });

  it('tells of the reviewers, on request and when all is decided', async () => {
    await begin({ total: 1, people: ['You agree with the known labels in 9 of 10 rows.'] });
    press('i');
    await settle();
    expect(find('[role=dialog]').textContent).toContain('9 of 10 rows');
    press('Escape', 'q');
    await settle();
    expect(find('.dcai-review-done').textContent).toContain('9 of 10 rows');
  });
});

describe('a value that is typed', () => {
  const text = (more: Partial<Cell>): FakeOptions => ({
    item: () => ({ column: 'town', given: more.missing ? null : 'Rome', suggested: null }),
    card: () => ({
      classes: [],
      cells: [
        { column: 'town', text: more.missing ? '' : 'Rome', kind: 'text', cut: false, ...more },
        { column: 'size', text: '12', kind: 'number', cut: false }
      ]
    })
  });
  const decided = (model: FakeModel) => model.decisions.map(d => [d.verdict, d.value ?? null, d.column ?? null]);

  it('is no text at all where the field was emptied', async () => {
    const model = await begin(text({}));
    press('Enter');
    type('[aria-label="New value"]', '');
    expect(find('[role=dialog]').textContent).toContain('Saved like this, the cell has no value.');
    press('Enter');
    await settle();
    expect(decided(model)).toEqual([['edit', null, 'town']]);
  });

  it('keeps what it was where it was not touched', async () => {
    const model = await begin(text({ missing: true }));
    press('Enter');
    expect(find('[role=dialog]').textContent).toContain('The cell has no value.');
    press('Enter');
    await settle();
    expect(decided(model)).toEqual([['keep', null, null]]);
    press('Enter');
    find<HTMLSelectElement>('[aria-label="Column"]').value = 'size';
    find('[aria-label="Column"]').dispatchEvent(new Event('change'));
    press('Tab');
    find('[aria-label="New value"]').focus();
    press('Enter');
    expect(find('[role=dialog]').textContent).toContain('Nothing has changed yet.');
    await settle();
    expect(model.decisions).toHaveLength(1);
  });

  it('is asked for where the cell is cut and nothing was typed', async () => {
    const model = await begin(text({ cut: true }));
    press('Enter', 'Enter');
    await settle();
    expect(find('[role=dialog]').textContent).toContain('type the whole new value');
    expect(model.decisions).toEqual([]);
  });
});

describe('a list that is too long to choose from', () => {
  it('is narrowed down by a part of a name', async () => {
    const pairs = Array.from({ length: 500 }, (_, i) => ({ name: `p${i}`, title: `pair ${i}`, count: 1 }));
    const model = await begin({
      facets: text => {
        const found = pairs.filter(p => p.title.includes(text));
        return { detectors: [], columns: [], pairs: found.slice(0, 300), totals: { pairs: found.length } };
      }
    });
    press('f');
    await settle();
    const select = find<HTMLSelectElement>('[aria-label=Class]');
    expect(select.options).toHaveLength(301);
    type('[aria-label="Narrow the lists down"]', 'pair 44');
    await settle();
    expect([...select.options].map(o => o.value)).toEqual(['', 'p44', ...pairs.slice(440, 450).map(p => p.name)]);
    select.value = 'p447';
    type('[aria-label="Narrow the lists down"]', 'pair 1');
    await settle();
    expect(select.value).toBe('p447');
    press('Enter');
    await settle();
    expect(model.sent.find(m => 'ask' in m && m.ask === 'filter')).toMatchObject({ filter: { pair: 'p447' } });
  });
});

describe('a blind review', () => {
  it('does not take the hidden labels of other rows for empty ones', async () => {
    await begin({
      card: () => ({
        peers: [{ row: 7, label: null, cells: [{ column: 'text', text: 'x', kind: 'text', cut: false }] }]
      })
    });
    expect(find('.dcai-review-rows thead').textContent).toContain('Row 7');
    expect(stage().querySelector('.dcai-review-pill, td.is-different')).toBeNull();
  });
});
