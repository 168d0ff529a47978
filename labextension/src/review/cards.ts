// The cards that were fetched: kept while they are true, fetched ahead so that the next row is there at once.
import type { Card } from '../contract';
import type { Ask } from './queue';

const KEPT = 300;

export class Cards {
  #ask: Ask;
  #cards = new Map<string, Card>();
  #fetching = new Map<string, Promise<Card>>();
  /** Cards whose group may have changed since. */
  #old = new Set<string>();
  /** Findings whose nearest rows were asked for. */
  #near = new Set<string>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  get(finding: string): Card | undefined {
    return this.#cards.get(finding);
  }

  isOld(finding: string): boolean {
    return this.#old.has(finding);
  }

  /** Take a card that came by another way. */
  put(card: Card): void {
    const finding = card.finding.finding;
    this.#cards.delete(finding);
    this.#cards.set(finding, card);
    this.#old.delete(finding);
    const [oldest] = this.#cards.keys();
    if (this.#cards.size > KEPT && oldest !== undefined) {
      this.#cards.delete(oldest);
    }
  }

  fetch(finding: string): Promise<Card> {
    const there = this.#fetching.get(finding);
    if (there) {
      return there;
    }
    const fetching = this.#fetch(finding).then(
      card => {
        // A card that was asked for before its finding was settled is shown, but not kept.
        if (this.#fetching.get(finding) === fetching) {
          this.#fetching.delete(finding);
          this.put(card);
        }
        return card;
      },
      error => {
        this.#fetching.delete(finding);
        throw error;
      }
    );
    this.#fetching.set(finding, fetching);
    return fetching;
  }

  /** Fetch the card with the rows most like it; null where it was asked for before, or there are none. */
  async fetchNearest(finding: string): Promise<Card | null> {
    if (this.#near.has(finding)) {
      return null;
    }
    this.#near.add(finding);
    const reply = await this.#ask({ ask: 'near', finding });
    if (!reply.card?.peers.length) {
      return null;
    }
    this.put(reply.card);
    return reply.card;
  }

  /** Fetch cards that will be wanted soon. One that fails is asked for again when it is wanted. */
  fetchAhead(findings: string[]): void {
    for (const finding of findings.filter(f => !this.#cards.has(f))) {
      this.fetch(finding).catch(error => console.warn('dcai: a card did not load ahead', error));
    }
  }

  /** Forget what is no longer true after these findings were settled. */
  settle(findings: string[]): void {
    for (const finding of findings) {
      this.#cards.delete(finding);
      this.#fetching.delete(finding);
      this.#near.delete(finding);
    }
    for (const [finding, card] of this.#cards) {
      if (card.group) {
        this.#old.add(finding);
      }
    }
  }

  async #fetch(finding: string): Promise<Card> {
    const reply = await this.#ask({ ask: 'card', finding });
    if (reply.error || !reply.card) {
      throw new Error(reply.error ?? 'A row came without its card.');
    }
    return reply.card;
  }
}
