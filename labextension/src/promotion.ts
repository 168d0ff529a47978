/** One promotion on the server: begun, followed, and written or called off. */
import { type ISignal, Signal } from '@lumino/signaling';
import { type Api, ServerRefusal } from './api';
import type { PromoteProgress, PromoteRequest, Promotion } from './contract';

const POLL = 500;
/** So often a question is asked again while the server cannot be reached: for a minute. */
const TRIES = 120;

export type Planned = PromoteProgress & { preview: Promotion };
export type Done = PromoteProgress & { promotion: Promotion };

export class PromotionJob {
  readonly name: string;
  /** What the server is busy with. */
  readonly doing: string;
  seconds = 0;
  cancelling = false;

  private readonly _api: Api;
  private readonly _request: PromoteRequest;
  private readonly _changed = new Signal<PromotionJob, void>(this);
  private _job = '';

  constructor(api: Api, request: Omit<PromoteRequest, 'preview'>) {
    this._api = api;
    this._request = { ...request, preview: true };
    this.name = request.name;
    this.doing = request.check ? 'running it once in a fresh kernel' : 'looking at what would change';
  }

  get changed(): ISignal<PromotionJob, void> {
    return this._changed;
  }

  /** Begin, and wait until the server knows what it would write; null where it was called off before. */
  async plan(): Promise<Planned | null> {
    try {
      let progress = await this._api.promote(this._request);
      this._job = progress.job;
      if (this.cancelling) {
        await this._decide(false); // called off before it had a number
      }
      while (!progress.preview) {
        await this._pause();
        progress = await this._look();
      }
      return progress as Planned;
    } catch (error) {
      if (this.cancelling) {
        return null;
      }
      throw error;
    }
  }

  /** Write what was shown. */
  async write(): Promise<Done> {
    let progress = await this._reach(() => this._decide(true));
    while (!progress.promotion) {
      await this._pause();
      progress = await this._look();
    }
    return progress as Done;
  }

  /** End it: nothing is written, and the check run and its kernel end. */
  async callOff(): Promise<void> {
    if (this.cancelling) {
      return;
    }
    this.cancelling = true;
    this._changed.emit();
    if (this._job !== '') {
      await this._decide(false).catch(() => undefined); // the next look says what became of it
    }
  }

  private _decide(go: boolean): Promise<PromoteProgress> {
    return this._api.decide({ job: this._job, go });
  }

  /** Ask until the server answers: what was begun goes on there, also while it cannot be reached. */
  private async _reach(ask: () => Promise<PromoteProgress>): Promise<PromoteProgress> {
    for (let left = TRIES; ; left--) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof ServerRefusal || left === 0) {
          throw error;
        }
        await this._pause();
      }
    }
  }

  private async _look(): Promise<PromoteProgress> {
    const progress = await this._reach(() => this._api.promotion(this._job));
    this.seconds = progress.seconds;
    if (!progress.preview && !progress.promotion) {
      this._changed.emit();
    }
    return progress;
  }

  private _pause(): Promise<void> {
    return new Promise(resolve => setTimeout(resolve, POLL));
  }
}
