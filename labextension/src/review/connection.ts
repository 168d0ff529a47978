// Decisions and questions travel to Python as custom messages. A decision names the one before it that has no answer yet,
// so that none overtakes another that was lost on its way: an undo takes back what it was meant for. Each message is kept
// until it is answered, and is sent again after a while: Python knows a decision by its `client_id` and takes it once.
import type { Answer, Decision, Reply, Request } from '../contract';
import { type About, type Kept, Unsent } from './unsent';

/** What of the widget's model is needed here. */
export interface Channel {
  send(content: unknown): void;
  on(event: 'msg:custom', callback: (content: unknown) => void): void;
  off(event: 'msg:custom', callback: (content: unknown) => void): void;
}

/** Where decisions are written, and who decides. */
export interface Desk {
  log: string;
  by: string;
}

export interface State {
  /** Decisions without an answer. */
  unsaved: number;
  /** True when a message has been sent again, so Python has been silent for a while. */
  silent: boolean;
  /** True when a message could not even be sent. */
  broken: boolean;
}

interface Waiting {
  content: Decision | Request;
  /** What a decision is about; null for a question. */
  about: About | null;
  tries: number;
  due: number;
  broken: boolean;
  resolve(message: Answer | Reply): void;
}

type Order = Omit<Decision, 'seq' | 'client_id' | 'after' | 'by'>;

/** An unanswered decision of an earlier view, and the answer that it will get. */
export interface Resumed extends Kept {
  answer: Promise<Answer>;
}

export const FIRST_WAIT = 4000;
const LONGEST_WAIT = 30_000;
const TICK = 500;
/** Questions whose answer depends on what was decided before: they wait until that is answered. */
const LATER: Request['ask'][] = ['draw'];

export class Connection {
  #channel: Channel;
  #by: string;
  #unsent: Unsent;
  /** What is unanswered, in order. */
  #waiting = new Map<number, Waiting>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #seq: number;
  /** The name of this view, in which it keeps what is unsent. */
  readonly name: string;
  #closed = false;
  /** Called with every answer, also with those to another view of the same widget. */
  onAnswer: (answer: Answer) => void = () => undefined;
  onState: (state: State) => void = () => undefined;

  constructor(channel: Channel, { log, by }: Desk = { log: '', by: '' }) {
    this.#channel = channel;
    this.#by = by;
    // Two views of one widget hear each other's answers, so their numbers must not meet.
    const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
    this.#seq = (high % 2 ** 31) * 2 ** 20;
    this.name = `${high.toString(36)}${low.toString(36)}`;
    this.#unsent = new Unsent(log, by, this.name);
    channel.on('msg:custom', this.#receive);
    globalThis.addEventListener('online', this.#resendAll);
  }

  /** Send what an earlier view of the same log and reviewer could not send, under its old names, before anything else. */
  resume(): Resumed[] {
    const kept = this.#unsent.take();
    return kept.map(({ decision, about }) => ({ decision, about, answer: this.#decide(decision, about) }));
  }

  /** The reviewers whose decisions for this log wait for a review of theirs. */
  others(): string[] {
    return this.#unsent.others();
  }

  decide(order: Order, about: About = { row: -1, settles: false }): Promise<Answer> {
    return this.#decide({ client_id: `${this.name}-${this.#seq + 1}`, by: this.#by, ...order }, about);
  }

  ask(question: Omit<Request, 'seq'>): Promise<Reply> {
    return this.#post({ seq: ++this.#seq, ...question }, null) as Promise<Reply>;
  }

  get state(): State {
    const unsaved = this.#decisions.length;
    const all = [...this.#waiting.values()];
    return {
      unsaved,
      silent: unsaved > 0 && all.some(w => w.tries > 1),
      broken: unsaved > 0 && all.some(w => w.broken)
    };
  }

  /**
   * Send what is unanswered a last time; it stays kept for the next view of the same log. Answers to decisions that come
   * late are still heard, so that nobody takes for unsaved what is saved.
   */
  close(): void {
    this.#closed = true;
    this.#resendAll();
    clearInterval(this.#timer);
    this.#unsent.release();
    globalThis.removeEventListener('online', this.#resendAll);
    this.#stopListening();
  }

  #stopListening(): void {
    if (!this.state.unsaved) {
      this.#channel.off('msg:custom', this.#receive);
    }
  }

  get #decisions(): Waiting[] {
    return [...this.#waiting.values()].filter(w => w.about);
  }

  #decide(decision: Omit<Decision, 'seq'>, about: About): Promise<Answer> {
    return this.#post({ ...decision, seq: ++this.#seq }, about) as Promise<Answer>;
  }

  #post(content: Decision | Request, about: About | null): Promise<Answer | Reply> {
    return new Promise(resolve => {
      const waiting = { content, about, tries: 0, due: 0, broken: false, resolve };
      this.#waiting.set(content.seq, waiting);
      this.#timer ??= setInterval(this.#resendDue, TICK);
      if (about) {
        this.#keep();
      }
      this.#send(waiting);
      this.onState(this.state);
    });
  }

  /** Write down what is not known to be saved. */
  #keep(): void {
    this.#unsent.write(this.#decisions.map(w => ({ decision: w.content as Decision, about: w.about as About })));
  }

  #send(waiting: Waiting): void {
    const { content } = waiting;
    const before = this.#decisions.filter(w => w.content.seq < content.seq).at(-1)?.content as Decision | undefined;
    if ('ask' in content && LATER.includes(content.ask) && before) {
      return;
    }
    waiting.due = Date.now() + Math.min(FIRST_WAIT * 2 ** waiting.tries, LONGEST_WAIT);
    waiting.tries++;
    try {
      this.#channel.send('ask' in content ? content : { ...content, after: before?.client_id ?? '' });
      waiting.broken = false;
    } catch (error) {
      // The kernel is gone. The decision stays unsaved, in sight, and is tried again.
      console.warn('dcai: a message could not be sent', error);
      waiting.broken = true;
    }
  }

  #resendDue = (): void => {
    const due = [...this.#waiting.values()].filter(w => w.tries && w.due <= Date.now());
    due.forEach(w => {
      this.#send(w);
    });
    if (due.length) {
      this.onState(this.state);
    }
  };

  #resendAll = (): void => {
    this.#waiting.forEach(w => {
      this.#send(w);
    });
  };

  #receive = (content: unknown): void => {
    if (typeof content !== 'object' || content === null || !('seq' in content)) {
      console.warn('dcai: a message without a number was ignored', content);
      return;
    }
    const message = content as Answer | Reply;
    const waiting = this.#waiting.get(message.seq);
    this.#waiting.delete(message.seq);
    if (!this.#waiting.size) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (!this.#closed) {
      waiting?.resolve(message);
      if ('decided' in message) {
        this.onAnswer(message);
      }
    }
    if (waiting?.about) {
      this.#keep();
      this.onState(this.state);
      this.#closed ? this.#stopListening() : this.#sendLater();
    }
  };

  /** Send the questions that waited for decisions to be answered. */
  #sendLater(): void {
    for (const waiting of this.#waiting.values()) {
      if (!waiting.tries) {
        this.#send(waiting);
      }
    }
  }
}
