// The dialog about the reviewers: how often they err, how far suggestions lead them, how far they agree.
import { type Dialog, frame } from './dialog';
import { el, fill } from './dom';
import { showText } from './value';

export class People implements Dialog {
  readonly node: HTMLElement;

  constructor(sentences: Promise<string[]>, onClose: () => void) {
    const place = el('div', { role: 'status' }, 'Counting …');
    this.node = frame('What is known about the reviewers', 'Esc closes', onClose, place);
    this.node.tabIndex = -1;
    sentences.then(
      found => fill(place, showPeople(found)),
      error => fill(place, showText((error as Error).message))
    );
  }

  focus(): void {
    this.node.focus();
  }

  onKey(): boolean {
    return false;
  }
}

/** Sentences about reviewers, one below the other. */
export function showPeople(sentences: string[]): HTMLElement {
  const none =
    'Nothing yet. Mix rows with known labels into a review, dcai.review(audit, controls=20), or let a second person ' +
    'decide some rows.';
  return sentences.length
    ? el('ul', { class: 'dcai-review-people' }, ...sentences.map(text => el('li', {}, showText(text))))
    : el('p', { class: 'dcai-review-faint' }, none);
}
