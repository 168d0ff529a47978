// The review: which finding is looked at, what a key does to it, and what is said about it.
import type { Answer, Card, Progress, Request, Scalar, Terms } from '../contract';
import { Bar } from './bar';
import { Cards } from './cards';
import { classOfKey, completed, type Draft, defined, reasonsAgainst, toTake, toToggle } from './choices';
import { type Channel, Connection } from './connection';
import { Decider } from './decider';
import { Define } from './define';
import { Help } from './help';
import { listen } from './keyboard';
import type { Action, ActionName } from './keys';
import { List } from './list';
import { Merge } from './merge';
import { Navigator } from './navigator';
import { Notes } from './notes';
import { openEditor, openSearch, openSeveral } from './openers';
import { notePending } from './pending';
import { People, showPeople } from './people';
import { Queue } from './queue';
import { Screen } from './screen';
import { Selection } from './selection';
import { Sieve } from './sieve';
import { Turns } from './turns';
import { TypeAhead } from './typeahead';
import { toCount } from './value';

/** What of an anywidget model is needed. */
export interface Model extends Channel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (content: unknown) => void): void;
  off(event: string, callback: (content: unknown) => void): void;
}

let views = 0;

export class App {
  readonly node: HTMLElement;
  #model: Model;
  #connection: Connection;
  #queue: Queue;
  #cards: Cards;
  #list: List;
  #screen: Screen;
  #typed: TypeAhead;
  #selection: Selection;
  #stopKeys: () => void;
  #navigator: Navigator;
  #decider: Decider;
  #sieve: Sieve;
  #turns: Turns;
  #terms: Terms | null = null;
  #hasAsked = false;
  #notes: Notes;
  /** The group whose random rows are being reviewed: while it is, a decision leads to its next random row. */
  #sampled: string | null = null;

  constructor(model: Model) {
    this.#model = model;
    const { saved_to: log = '', by = '' } = (model.get('progress') ?? {}) as Partial<Progress>;
    this.#connection = new Connection(model, { log, by });
    this.#notes = new Notes(log, by);
    // Positions count in the part of the queue that is looked at.
    const ask = (question: Omit<Request, 'seq'>) =>
      this.#connection.ask(this.#queue.view ? { view: this.#queue.view, ...question } : question);
    this.#queue = new Queue(ask, Number(model.get('total') ?? 0));
    this.#cards = new Cards(ask);
    this.#list = new List(this.#queue, `dcai-review-${++views}`, position => {
      this.#sampled = null;
      this.#navigator.select(position);
    });
    const bar = new Bar(
      name => this.act({ name }),
      () => this.#sieve.clear()
    );
    this.#screen = new Screen(this.#list.node, bar, this.#queue.total, name => this.act({ name }));
    this.#typed = new TypeAhead(
      action => this.#do(action),
      count =>
        this.#screen.warn(
          `${toCount(count, 'key was', 'keys were')} ignored: the row or the dialog came too late. Press again.`
        )
    );
    this.#selection = new Selection(model, finding => this.#navigator.goTo(finding));
    this.#navigator = new Navigator({
      ask,
      queue: this.#queue,
      cards: this.#cards,
      list: this.#list,
      screen: this.#screen,
      typed: this.#typed,
      selection: this.#selection,
      complete: card => defined(completed(card, this.#terms?.classes ?? []), this.#terms?.definitions ?? []),
      draw: card => this.#show(card),
      onDone: () => {
        this.#learn();
        this.#showPeople();
      }
    });
    const shared = { queue: this.#queue, navigator: this.#navigator, screen: this.#screen, typed: this.#typed };
    this.#sieve = new Sieve({ ask, bar, ...shared });
    this.#decider = new Decider(this.#connection, this.#queue, this.#screen, {
      goTo: finding => this.#navigator.goTo(finding),
      onSaved: finding => this.#onSaved(finding),
      onFailed: finding => this.#onFailed(finding)
    });
    this.#turns = new Turns({ connection: this.#connection, decider: this.#decider, ...shared });
    this.node = this.#screen.node;
    this.#stopKeys = listen({
      root: this.node,
      dialogs: this.#screen.dialogs,
      act: action => this.act(action),
      leave: () => this.#screen.focus(),
      onSave: () => this.#screen.say('Every decision with a ✓ is saved already.')
    });
    this.#wire();
  }

  /** Begin where the review was left: at the selected finding, or at the first one that is open. */
  start(): void {
    const progress = this.#model.get('progress') as Progress | undefined;
    if (progress) {
      this.#screen.header.showProgress(progress);
    }
    this.#decider.resume();
    const others = this.#connection.others();
    if (others.length) {
      this.#screen.warn(
        `Decisions of ${others.join(', ')} wait in this browser tab. Open the review as them to save these.`
      );
    }
    this.#list.draw();
    if (!this.#queue.total) {
      this.#navigator.finish();
    } else if (this.#selection.start) {
      this.#navigator.goTo(this.#selection.start);
    } else {
      this.#navigator.advance(0);
    }
  }

  close(): void {
    this.#stopKeys();
    this.#list.close();
    this.#model.off('change:progress', this.#onProgress);
    this.#selection.close();
    this.#navigator.close();
    this.#connection.close();
  }

  /** Do what a key or a button asks for, at once or when the row that it is meant for is here. */
  act(action: Action): void {
    if (action.name === 'help') {
      this.#screen.dialogs.show(new Help(() => this.#screen.dialogs.close()));
    } else if (action.name === 'filter') {
      this.#sieve.open();
    } else if (action.name === 'jump') {
      this.#sieve.openJump();
    } else if (action.name === 'people') {
      this.#screen.dialogs.show(new People(this.#fetchPeople(), () => this.#screen.dialogs.close()));
    } else {
      this.#typed.take(action);
    }
  }

  #wire(): void {
    this.#queue.onChange = () => this.#list.draw();
    this.#connection.onAnswer = answer => this.#onAnswer(answer);
    this.#connection.onState = state => {
      this.#screen.header.showState(state);
      notePending(this.#connection.name, this.node, state.unsaved);
    };
    this.#model.on('change:progress', this.#onProgress);
    this.#screen.note.addEventListener('input', () => {
      if (this.#navigator.card) {
        this.#notes.set(this.#navigator.card.finding.finding, this.#screen.note.value);
      }
    });
  }

  /** Go to a random row of a finding's group. */
  async #draw(finding: string, otherwise?: () => void): Promise<void> {
    if (await this.#navigator.ask({ ask: 'draw', finding }, otherwise)) {
      const row = this.#navigator.card?.finding.row;
      this.#screen.say(`Row ${row} was drawn at random from its group.`);
    }
  }

  #show(card: Card): void {
    const { finding } = card.finding;
    const state = { status: this.#queue.statusOf(finding, card.decided), saved: this.#decider.savedAbout(finding) };
    this.#screen.showCard(card, state, this.#notes.get(finding) ?? card.note, {
      onClass: chosen => this.act({ name: 'class', chosen }),
      onSearch: () => this.act({ name: 'search' }),
      onEdit: column => openEditor(this.#screen.dialogs, card, column, draft => this.#decideFromDialog(card, draft)),
      onAccept: () => this.act({ name: 'accept' }),
      onDraw: () => this.act({ name: 'draw' }),
      onDefine: () => this.act({ name: 'define' })
    });
    this.#learn();
  }

  // ---------------------------------------------------------------- deciding

  #do(action: Action): void {
    const steps: Partial<Record<ActionName, () => void>> = {
      next: () => this.#navigator.step(1),
      previous: () => this.#navigator.step(-1),
      undo: () => this.#turns.take('undo'),
      redo: () => this.#turns.take('redo')
    };
    const card = this.#navigator.card;
    const step = steps[action.name];
    if (step) {
      this.#sampled = null;
      step();
    } else if (card && action.name !== 'escape') {
      const reason = (reasonsAgainst(card) as Partial<Record<ActionName, string>>)[action.name];
      if (reason) {
        this.#screen.say(reason);
      } else {
        this.#doOn(card, action);
      }
    }
  }

  #doOn(card: Card, action: Action): void {
    const { finding, suggested } = card.finding;
    const { dialogs } = this.#screen;
    const decide = (draft: Draft) => this.#decideFromDialog(card, draft);
    const does: Partial<Record<ActionName, () => void>> = {
      keep: () => this.#decide(card, { finding, verdict: 'keep' }),
      suggestion: () => this.#decide(card, toTake(card, suggested)),
      class: () => this.#takeClass(card, action),
      search: () => openSearch(dialogs, card, decide),
      edit: () => openEditor(dialogs, card, null, decide),
      exclude: () => this.#decide(card, { finding, verdict: 'exclude' }),
      ambiguous: () => openSeveral(dialogs, card, decide),
      unsure: () => this.#decide(card, { finding, verdict: 'unsure' }),
      accept: () => this.#turns.take('accept', finding),
      draw: () => {
        this.#sampled = card.group?.group ?? null;
        this.#draw(finding);
      },
      merge: () => this.#openMerge(finding),
      play: () => this.#screen.play(),
      define: () => this.#openDefine(card),
      note: () => this.#screen.note.focus()
    };
    does[action.name]?.();
  }

  #takeClass(card: Card, { place = 0, chosen }: Action): void {
    const name: Scalar | undefined = chosen === undefined ? classOfKey(card, place + 1)?.name : chosen;
    if (name !== undefined) {
      this.#decide(card, card.several ? toToggle(card, name) : toTake(card, name));
    } else {
      const known = toCount(card.classes.length, 'class', 'classes');
      this.#screen.say(`No class has the key ${place + 1}. There are ${known}; press 0 to search them.`);
    }
  }

  /** Ask once for the terms, when the first row is on screen: where the log is long, they take Python a moment. */
  #learn(): void {
    if (!this.#hasAsked) {
      this.#hasAsked = true;
      this.#fetchTerms();
    }
  }

  /** Learn what the review works under: definitions, masked columns, whether it is blind. */
  async #fetchTerms(): Promise<void> {
    const reply = await this.#connection.ask({ ask: 'terms' });
    if (reply.terms) {
      this.#terms = reply.terms;
      this.#screen.showTerms(reply.terms);
      this.#navigator.drawAgain();
    } else {
      this.#screen.warn(reply.error ?? 'The definitions of the classes did not come.');
    }
  }

  #openDefine(card: Card): void {
    const held = card.finding.suggested ?? card.finding.given;
    this.#screen.dialogs.show(
      new Define({
        classes: card.classes.map(c => c.name),
        definitions: this.#terms?.definitions ?? [],
        first: card.classes.some(c => c.name === held) ? held : (card.classes[0]?.name ?? null),
        onSave: async definition => {
          const reply = await this.#connection.ask({ ask: 'define', definition });
          if (reply.terms) {
            this.#terms = reply.terms;
            this.#navigator.drawAgain();
          }
          return reply.terms ? '' : (reply.error ?? 'It was not saved.');
        },
        onClose: () => this.#screen.dialogs.close()
      })
    );
  }

  /** Show the spellings around a value; merged, they are one decision that one undo takes back. */
  async #openMerge(finding: string): Promise<void> {
    const matters = this.#navigator.wait();
    const reply = await this.#connection.ask({ ask: 'cluster', finding });
    if (!matters()) {
      return;
    }
    // The keys that follow were meant for the dialog.
    this.#typed.forget();
    if (!reply.cluster) {
      this.#screen.say(reply.error ?? '');
      return;
    }
    this.#screen.dialogs.show(
      new Merge({
        cluster: reply.cluster,
        onMerge: (keep, others) => {
          this.#screen.dialogs.close();
          this.#turns.take('merge', finding, [keep, ...others]);
        },
        onClose: () => this.#screen.dialogs.close()
      })
    );
  }

  #decideFromDialog(card: Card, draft: Draft): void {
    this.#screen.dialogs.close();
    this.#decide(card, draft);
  }

  /** Send a decision and go on at once; one that leaves the finding open stays at it. */
  #decide(card: Card, draft: Draft): void {
    const { position, card: shown } = this.#navigator;
    const isShown = shown?.finding.finding === draft.finding;
    const note = isShown ? this.#screen.note.value : (this.#notes.get(draft.finding) ?? card.note);
    // Python may have moved on while a dialog was open: then the reviewer stays there.
    if (!this.#decider.decide(card, draft, note.trim()) || !isShown) {
      return;
    }
    if (this.#sampled !== null && this.#sampled === card.group?.group) {
      this.#draw(draft.finding, () => this.#navigator.advance(position + 1));
    } else {
      this.#navigator.advance(position + 1);
    }
  }

  // ---------------------------------------------------------------- the reviewers

  async #fetchPeople(): Promise<string[]> {
    const reply = await this.#connection.ask({ ask: 'people' });
    if (!reply.people) {
      throw new Error(reply.error ?? 'What is known about the reviewers did not come.');
    }
    return reply.people;
  }

  /** Once the whole queue is decided, say what is known about the reviewers, if anything. */
  #showPeople(): void {
    if (this.#queue.view !== 0) {
      return;
    }
    this.#fetchPeople().then(
      found => found.length && !this.#navigator.card && this.#screen.addWords(showPeople(found)),
      error => console.warn('dcai: what is known about the reviewers did not come', error)
    );
  }

  // ---------------------------------------------------------------- what comes from Python

  #onSaved(finding: string): void {
    this.#notes.delete(finding);
    this.#navigator.refresh(finding);
  }

  #onFailed(finding: string): void {
    this.#navigator.refresh(finding);
    if (this.#navigator.position < 0) {
      this.#navigator.advance(0);
    }
  }

  #onAnswer(answer: Answer): void {
    const decided = answer.decided ?? {};
    this.#queue.settle(decided);
    this.#cards.settle(Object.keys(decided));
    if (answer.progress) {
      this.#screen.header.showProgress(answer.progress);
    }
    const shown = this.#navigator.card?.finding.finding;
    if (shown === undefined) {
      return;
    }
    if (shown in decided) {
      this.#navigator.refresh(shown);
    } else if (this.#cards.isOld(shown)) {
      this.#navigator.refreshSoon(shown);
    }
  }

  #onProgress = (): void => {
    this.#screen.header.showProgress(this.#model.get('progress') as Progress);
  };
}
