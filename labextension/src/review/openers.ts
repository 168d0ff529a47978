// The dialogs of a card: what each offers, and the decision that it makes.
import type { Card, Scalar } from '../contract';
import { type Draft, hasClasses, ordered, toTake } from './choices';
import { Chooser, type Option } from './choose';
import type { DialogPlace } from './dialog';
import { Editor } from './edit';
import { toText } from './value';

type Decide = (draft: Draft) => void;

export function openSearch(dialogs: DialogPlace, card: Card, decide: Decide): void {
  if (card.several) {
    const { finding, column } = card.finding;
    dialogs.show(
      new Chooser({
        title: 'All classes that belong here',
        options: toOptions(card),
        several: card.classes.filter(c => c.given).map(c => c.name),
        least: 0,
        onChoose: value => decide({ finding, verdict: 'relabel', value, column }),
        onClose: () => dialogs.close()
      })
    );
    return;
  }
  dialogs.show(
    new Chooser({
      title: 'Take another class',
      options: toOptions(card),
      onChoose: ([value = null]) => decide(toTake(card, value)),
      onClose: () => dialogs.close()
    })
  );
}

export function openSeveral(dialogs: DialogPlace, card: Card, decide: Decide): void {
  const { finding, suggested, column } = card.finding;
  const given = column === null ? (card.label ?? null) : card.finding.given;
  dialogs.show(
    new Chooser({
      title: 'Several values are right',
      options: hasClasses(card) ? toOptions(card) : [],
      several: [given, suggested].filter((v, i, all) => v !== null && all.indexOf(v) === i),
      free: !hasClasses(card),
      onChoose: value => decide({ finding, verdict: 'ambiguous', value, column }),
      onClose: () => dialogs.close()
    })
  );
}

export function openEditor(dialogs: DialogPlace, card: Card, column: string | null, decide: Decide): void {
  const { finding } = card.finding;
  dialogs.show(
    new Editor({
      card,
      column,
      onSave: (name, value) =>
        decide(
          name === card.finding.column ? toTakeTyped(card, value) : { finding, verdict: 'edit', value, column: name }
        ),
      onClose: () => dialogs.close()
    })
  );
}

/** A typed value: typing the given one again, of whatever type it is, keeps it. */
function toTakeTyped(card: Card, value: Scalar): Draft {
  const { given } = card.finding;
  const same = value !== null && given !== null && toText(given) === toText(value);
  return toTake(card, same ? given : value);
}

function toOptions(card: Card): Option[] {
  return ordered(card).map(c => ({ value: c.name, share: c.probability, note: c.meaning || undefined }));
}
