import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cell, Spread } from '../contract';
import widget from './index';
import { FakeModel, type FakeOptions } from './testing';

let close: (() => void) | undefined;
let place: HTMLElement;

beforeEach(() => {
  place = document.createElement('div');
  document.body.append(place);
});

afterEach(() => {
  close?.();
  place.remove();
});

async function open(options: FakeOptions = {}): Promise<FakeModel> {
  const model = new FakeModel(options);
  close = widget.render({ model, el: place });
  find('.dcai-review').focus();
  await settle();
  return model;
}

function find<E extends HTMLElement = HTMLElement>(selector: string): E {
  const node = place.querySelector<E>(selector);
  if (!node) {
    throw new Error(`There is no ${selector} in ${place.innerHTML}`);
  }
  return node;
}

function press(...keys: string[]): void {
  for (const name of keys) {
    const [key = '', ...held] = name.split('+').reverse();
    const init = { key, ctrlKey: held.includes('Ctrl'), shiftKey: held.includes('Shift') };
    (document.activeElement ?? document.body).dispatchEvent(
      new KeyboardEvent('keydown', { ...init, bubbles: true, composed: true, cancelable: true })
    );
  }
}

function type(selector: string, text: string): void {
  const input = find<HTMLInputElement>(selector);
  input.value = text;
  input.dispatchEvent(new Event('input', { bubbles: true }));
}

async function settle(): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await Promise.resolve();
  }
}

const rows = () => [...place.querySelectorAll('.dcai-review-line-row')].map(n => n.textContent);
const head = () => find('.dcai-review-head strong').textContent;

describe('a part of the queue', () => {
  const mixed: FakeOptions = {
    total: 6,
    item: i => ({ detector: i % 2 ? 'missing' : 'labels', given: i % 2 ? 'N/A' : 'cat' })
  };

  it('is chosen by a filter, moved in, and left again', async () => {
    const model = await open(mixed);
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
    expect(place.querySelectorAll('.dcai-review-badge.is-saved')).toHaveLength(2);
    expect(head()).toBe('Row 10');
  });

  it('may be empty, which is said', async () => {
    await open(mixed);
    press('f');
    await settle();
    type('[aria-label="Text to look for"]', 'no such text');
    press('Enter');
    await settle();
    expect(find('.dcai-review-done').textContent).toContain('No finding passes this filter');
    expect(rows()).toEqual([]);
  });

  it('does not keep a row from being gone to', async () => {
    const model = await open(mixed);
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
    expect(place.querySelector('.dcai-review-line.is-selected')).toBeNull();
    press('e');
    await settle();
    expect(model.log.map(l => [l.finding, l.verdict])).toEqual([['f4', 'exclude']]);
  });

  it('says in the dialog where a row is not there', async () => {
    await open(mixed);
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
    const model = await open({ ...digits, total: 4 });
    const keys = [...place.querySelectorAll('.dcai-review-classes .dcai-review-class')].map(n =>
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
    const model = await open(digits);
    press('2');
    await settle();
    expect(model.log).toEqual([]);
    expect(find('.dcai-review-status').textContent).toContain('No class has the key 2');
  });

  it('can be clicked where they have no key', async () => {
    const model = await open(digits);
    (place.querySelectorAll('.dcai-review-class')[3] as HTMLElement).click();
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
    const model = await open(spelled);
    press('v');
    await settle();
    expect(find('[role=dialog] .is-main').textContent).toBe('Write “Rome” into 5 rows');
    press('Ctrl+Enter');
    await settle();
    expect(merges(model)).toEqual([['Rome', 'rome', 'Roma']]);
    expect(place.querySelector('[role=dialog]')).toBeNull();
  });

  it('may be split, kept another way, or written anew', async () => {
    const model = await open(spelled);
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
    await open();
    const button = [...place.querySelectorAll<HTMLElement>('.dcai-review-footer button')].find(b =>
      b.textContent?.includes('Spellings')
    );
    expect(button?.hidden).toBe(true);
    press('v');
    expect(find('.dcai-review-status').textContent).toBe('This finding is not about spellings.');
  });
});

describe('what a review works under', () => {
  it('is told at the beginning', async () => {
    await open({ terms: { blind: true, masked: ['mail'], remarks: ['“name” seems to hold personal data.'] } });
    expect(find('.dcai-review-terms').textContent).toContain('Blind review');
    expect(find('.dcai-review-terms').textContent).toContain('Sensitive columns are hidden: mail.');
    expect(find('[role=alert]').textContent).toContain('seems to hold personal data');
  });

  it('has the meanings of the classes, which are written down from here', async () => {
    await open({
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
  const shown = async (...cells: Cell[]) => open({ card: () => ({ cells }) });

  it('are links only where the whole cell is an address of the web', async () => {
    await shown(
      cell('https://example.org/a?b=1#c'),
      cell('javascript:alert(1)'),
      cell(' https://example.org'),
      cell('see https://example.org'),
      cell('https://example.org" onclick="x'),
      cell('https://example.org', { kind: 'masked' })
    );
    const links = [...place.querySelectorAll<HTMLAnchorElement>('.dcai-review-rows a')];
    expect(links.map(a => a.getAttribute('href'))).toEqual(['https://example.org/a?b=1#c']);
    expect(links[0]?.rel).toContain('noopener');
  });

  it('play sounds only from the data itself', async () => {
    await shown(
      cell('data:audio/wav;base64,UklGRg==', { kind: 'audio' }),
      cell('https://example.org/a.wav', { kind: 'audio' }),
      cell('data:audio/wav;base64,"><script>', { kind: 'audio' })
    );
    expect(place.querySelectorAll('audio')).toHaveLength(1);
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
    await open({
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
    await open({ card: () => ({ cells: [cell('x', { column: 'other' }), cell('y', { column: 'label' })] }) });
    expect([...place.querySelectorAll('.dcai-review-rows th')].map(n => n.textContent)).toEqual(['label', 'other']);
  });
});

describe('the outlook', () => {
  it('says what is left, what the next are worth, and the pace', async () => {
    const model = await open();
    const outlook = { pace: 31.2, errors: 1200.4, low: 800, high: 1500, next: 50, worth: 41.3 };
    model.set('progress', { ...model.progress, outlook });
    const line = find('.dcai-review-outlook');
    expect(line.textContent).toBe('about 1,200 wrong labels leftnext 50: about 41 to change31 a minute');
    expect(line.querySelector('span')?.title).toContain('800 to 1,500');
  });
});
