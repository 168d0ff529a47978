import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { find, open, press, settle, shut, stage } from './stage';

beforeEach(() => sessionStorage.clear());
afterEach(() => {
  shut();
  vi.useRealTimers();
});

const group = { group: 'g', title: 't', size: 9, decided: 1, certified: false, statement: 'Review 5 more.' };
const named = (words: string) => {
  const found = [...stage().querySelectorAll('button')].find(b => b.textContent?.includes(words));
  if (!found) {
    throw new Error(`There is no button ${words}`);
  }
  return found;
};

describe('the focus', () => {
  it('stays on the same button of a card that is drawn again', async () => {
    const model = open({ card: () => ({ group }) });
    await settle();
    for (const words of ['bird', 'What they mean', 'Random row']) {
      const before = named(words);
      before.focus();
      model.broadcast({ f0: null });
      await settle();
      expect(named(words)).not.toBe(before);
      expect(document.activeElement).toBe(named(words));
    }
  });

  it('stays when the rows most like it come', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    open({ near: [{ row: 7, label: 'dog', cells: [] }] });
    await settle();
    named('bird').focus();
    vi.advanceTimersByTime(1000);
    await settle();
    expect(find('thead').textContent).toContain('Row 7');
    expect(document.activeElement).toBe(named('bird'));
  });

  it('goes to the review when another finding is shown, so that its keys go on', async () => {
    const model = open();
    await settle();
    named('bird').focus();
    named('bird').click();
    await settle();
    expect(document.activeElement).toBe(find('.dcai-review'));
    press('q');
    await settle();
    expect(model.log.map(l => `${l.finding} ${l.verdict}`)).toEqual(['f0 relabel', 'f1 keep']);
  });

  it('is not lost with what hides itself or has nothing to do any more', async () => {
    const model = open();
    await settle();
    press('q');
    await settle();
    named('Undo').focus();
    press(' ');
    named('Undo').click();
    await settle();
    expect(named('Undo').getAttribute('aria-disabled')).toBe('true');
    expect(document.activeElement).toBe(named('Undo'));
    named('Undo').click();
    await settle();
    expect(model.decisions.map(d => d.verdict)).toEqual(['keep', 'undo']);

    press('f');
    await settle();
    find<HTMLSelectElement>('[aria-label="State"]').value = 'open';
    press('Enter');
    await settle();
    named('Show all').focus();
    named('Show all').click();
    await settle();
    expect(document.activeElement).toBe(find('.dcai-review'));
  });

  it('stays in a note while Python shows another finding, so that what is typed decides nothing', async () => {
    const model = open({ total: 300 });
    await settle();
    press('m');
    expect(document.activeElement).toBe(find('[aria-label="Note"]'));
    model.set('selected', 'f250');
    await settle();
    press('e', 'q');
    await settle();
    expect(document.activeElement).toBe(find('[aria-label="Note"]'));
    expect(model.decisions).toEqual([]);
  });

  it('moves by Tab to all there is in a dialog, lists too', async () => {
    open({
      item: () => ({ detector: 'variants', column: 'town', given: 'rome', suggested: 'Rome' }),
      card: () => ({ classes: [] }),
      cluster: { column: 'town', keep: 'Rome', spellings: ['Rome', 'rome'].map(value => ({ value, rows: 1 })) }
    });
    await settle();
    press('v');
    await settle();
    const list = find('[role=listbox][aria-label="Spellings in town"]');
    expect(document.activeElement).toBe(list);
    press('Tab');
    expect(document.activeElement).not.toBe(list);
    press('Shift+Tab');
    expect(document.activeElement).toBe(list);
  });
});

describe('the keys of what is read', () => {
  const isLeft = (key: string) => {
    const pressed = new KeyboardEvent('keydown', { key, bubbles: true, composed: true, cancelable: true });
    (document.activeElement ?? document.body).dispatchEvent(pressed);
    return !pressed.defaultPrevented;
  };

  it('scroll the help, which swallows the others', async () => {
    open();
    await settle();
    press('?');
    expect(['ArrowDown', 'PageDown', 'End', ' '].map(isLeft)).toEqual([true, true, true, true]);
    expect(['q', 'j'].map(isLeft)).toEqual([false, false]);
  });

  it('scroll the card once Tab has led there, and decide there too', async () => {
    const model = open();
    await settle();
    const card = find('[role=application] [role=document]');
    expect([card.tabIndex, card.getAttribute('aria-label')]).toEqual([0, 'The finding']);
    expect(card.querySelector('.dcai-review-reason')).not.toBeNull();
    card.focus();
    expect(['ArrowDown', 'PageDown', ' '].map(isLeft)).toEqual([true, true, true]);
    press('e');
    await settle();
    expect(model.log.map(l => l.verdict)).toEqual(['exclude']);
    expect(document.activeElement).toBe(card);
    find('.dcai-review').focus();
    expect(isLeft('ArrowDown')).toBe(false);
  });

  it('are on a button each', async () => {
    const model = open({ total: 5 });
    await settle();
    named('Next').click();
    await settle();
    expect(find('.dcai-review-head strong').textContent).toBe('Row 11');
    named('Previous').click();
    await settle();
    expect(find('.dcai-review-head strong').textContent).toBe('Row 10');
    named('Note').click();
    expect(document.activeElement).toBe(find('[aria-label="Note"]'));
    expect(model.decisions).toEqual([]);
  });
});
