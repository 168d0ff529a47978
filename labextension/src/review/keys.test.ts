import { describe, expect, it } from 'vitest';
import { actionOf, KEYS } from './keys';

describe('actionOf', () => {
  it.each([
    ['q', 'keep'],
    ['w', 'suggestion'],
    ['0', 'search'],
    ['/', 'search'],
    ['Enter', 'edit'],
    ['e', 'exclude'],
    ['b', 'ambiguous'],
    ['n', 'unsure'],
    ['a', 'accept'],
    ['r', 'draw'],
    ['j', 'next'],
    ['ArrowDown', 'next'],
    ['k', 'previous'],
    ['ArrowUp', 'previous'],
    ['m', 'note'],
    ['?', 'help'],
    ['Escape', 'escape']
  ])('%s means %s', (key, name) => {
    expect(actionOf({ key })).toEqual({ name });
  });

  it('takes the digits 1 to 9 as places in the list of classes', () => {
    for (let digit = 1; digit <= 9; digit++) {
      expect(actionOf({ key: String(digit) })).toEqual({ name: 'class', place: digit - 1 });
    }
  });

  it('knows undo and redo, with Ctrl or the Mac key', () => {
    expect(actionOf({ key: 'z', ctrlKey: true })?.name).toBe('undo');
    expect(actionOf({ key: 'Z', ctrlKey: true, shiftKey: true })?.name).toBe('redo');
    expect(actionOf({ key: 'z', metaKey: true })?.name).toBe('undo');
  });

  it('leaves every other combination to the browser and the notebook', () => {
    for (const key of ['q', 'c', 's', '1', 'Enter', 'ArrowDown']) {
      expect(actionOf({ key, ctrlKey: true })).toBeNull();
      expect(actionOf({ key, metaKey: true })).toBeNull();
      expect(actionOf({ key, altKey: true })).toBeNull();
    }
    expect(actionOf({ key: 'x' })).toBeNull();
    expect(actionOf({ key: 'Tab' })).toBeNull();
  });

  it('does not care for Caps Lock, but a letter with Shift decides nothing', () => {
    expect(actionOf({ key: 'Q' })?.name).toBe('keep');
    expect(actionOf({ key: 'Q', shiftKey: true })).toBeNull();
  });

  it('reads digits from the key itself where the keyboard needs Shift for them', () => {
    expect(actionOf({ key: '&', code: 'Digit1' })).toEqual({ name: 'class', place: 0 });
    expect(actionOf({ key: '/', code: 'Digit7', shiftKey: true })?.name).toBe('search');
    expect(actionOf({ key: '?', code: 'Minus', shiftKey: true })?.name).toBe('help');
    expect(actionOf({ key: '!', code: 'Digit1', shiftKey: true })).toBeNull();
  });

  it('decides once for a key that is held down, and moves on', () => {
    for (const key of ['q', 'w', '1', 'e', 'n', 'Enter']) {
      expect(actionOf({ key, repeat: true })).toBeNull();
    }
    expect(actionOf({ key: 'j', repeat: true })?.name).toBe('next');
  });

  it('takes nothing while a character is being composed', () => {
    expect(actionOf({ key: 'q', isComposing: true })).toBeNull();
  });

  it('explains every key that acts', () => {
    const shown = KEYS.flatMap(([keys]) => keys).join(' ');
    for (const key of ['q', 'w', '1', '9', '0', '/', 'Enter', 'e', 'b', 'n', 'm', 'a', 'r', 'j', 'k', 'Ctrl+Z', '?']) {
      expect(shown).toContain(key);
    }
  });
});
