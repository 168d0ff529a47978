// Decisions and questions travel to Python as custom messages, which are ordered and never merged. Each is kept
// until it is answered, and is sent again after a while: Python knows a decision by its `client_id` and takes it once.
import type { Answer, Decision, Reply, Request } from '../contract';

/** What of the widget's model is needed here. */
export interface Channel {
  send(content: unknown): void;
  on(event: 'msg:custom', callback: (content: unknown) => void): void;
  off(event: 'msg:custom', callback: (content: unknown) => void): void;
}

export interface State {
  /** Decisions without an answer. */
  unsaved: number;
  /** True when one of them has been sent again, so Python has been silent for a while. */
  silent: boolean;
  /** True when a message could not even be sent. */
  broken: boolean;
}

interface Waiting {
  content: Decision | Request;
  decision: boolean;
  tries: number;
  due: number;
  broken: boolean;
  resolve(message: Answer | Reply): void;
}

type Draft = Omit<Decision, 'seq' | 'client_id'>;

export const FIRST_WAIT = 4000;
const LONGEST_WAIT = 30_000;
const TICK = 500;

export class Connection {
  #channel: Channel;
  #waiting = new Map<number, Waiting>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #seq: number;
  #name: string;
  /** Called with every answer, also with those to another view of the same widget. */
  onAnswer: (answer: Answer) => void = () => undefined;
  onState: (state: State) => void = () => undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
    // Two views of one widget hear each other's answers, so their numbers must not meet.
    const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
    this.#seq = (high % 2 ** 31) * 2 ** 20;
    this.#name = `${high.toString(36)}${low.toString(36)}`;
    channel.on('msg:custom', this.#receive);
    globalThis.addEventListener('online', this.#resendAll);
  }

  decide(draft: Draft, name?: string): Promise<Answer> {
    const seq = ++this.#seq;
    return this.#post({ seq, client_id: name ?? `${this.#name}-${seq}`, ...draft }, true) as Promise<Answer>;
  }

  ask(question: Omit<Request, 'seq'>): Promise<Reply> {
    return this.#post({ seq: ++this.#seq, ...question }, false) as Promise<Reply>;
  }

  get state(): State {
    const decisions = [...this.#waiting.values()].filter(w => w.decision);
    return {
      unsaved: decisions.length,
      silent: decisions.some(w => w.tries > 1),
      broken: decisions.some(w => w.broken)
    };
  }

  /**
   * Stop listening. What is unanswered is sent a last time, and the decisions among it are returned: whether they are on
   * disk is not known, and they may be sent again, under their names, by another view.
   */
  close(): Decision[] {
    this.#resendAll();
    const unsent = [...this.#waiting.values()].filter(w => w.decision).map(w => w.content as Decision);
    clearInterval(this.#timer);
    this.#channel.off('msg:custom', this.#receive);
    globalThis.removeEventListener('online', this.#resendAll);
    return unsent;
  }

  #post(content: Decision | Request, decision: boolean): Promise<Answer | Reply> {
    return new Promise(resolve => {
      const waiting = { content, decision, tries: 0, due: 0, broken: false, resolve };
      this.#waiting.set(content.seq, waiting);
      this.#send(waiting);
      this.#timer ??= setInterval(this.#resendDue, TICK);
      this.onState(this.state);
    });
  }

  #send(waiting: Waiting): void {
    waiting.due = Date.now() + Math.min(FIRST_WAIT * 2 ** waiting.tries, LONGEST_WAIT);
    waiting.tries++;
    try {
      this.#channel.send(waiting.content);
      waiting.broken = false;
    } catch (error) {
      // The kernel is gone. The decision stays unsaved, in sight, and is tried again.
      console.warn('dcai: a message could not be sent', error);
      waiting.broken = true;
    }
  }

  #resendDue = (): void => {
    const due = [...this.#waiting.values()].filter(w => w.due <= Date.now());
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
    waiting?.resolve(message);
    if ('decided' in message) {
      this.onAnswer(message);
    }
    if (waiting?.decision) {
      this.onState(this.state);
    }
  };
}
