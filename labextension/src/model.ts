/** The state of the panel: the pipelines of one root, their forms, their runs, and what runs now. */
import { type ISignal, Signal } from '@lumino/signaling';
import type { Api } from './api';
import { ServerRefusal } from './api';
import type { PipelineList, PipelineSummary, RunList, RunName, RunProgress } from './contract';
import { type Entries, type Field, fill, initialEntries, toFields } from './forms';
import type { PromotionJob } from './promotion';

const POLL = 700;
export const PAGE = 10;

export interface FormState {
  fields: Field[];
  entries: Entries;
  errors: Record<string, string>;
  /** What the server said that belongs to no single field. */
  message: string;
  sending: boolean;
  /** How often it was refused, so that the form knows when to lead to the mistake. */
  attempts: number;
}

export interface Live {
  name: RunName;
  /** null until the run has written its first record. */
  progress: RunProgress | null;
  startedHere: number;
  cancelling: boolean;
}

export interface Ended {
  name: RunName;
  progress: RunProgress;
}

export class PanelModel {
  list: PipelineList | null = null;
  error = '';
  loading = false;
  readonly open = new Set<string>();
  readonly forms = new Map<string, FormState>();
  readonly histories = new Map<string, RunList>();
  readonly live = new Map<string, Live>();
  readonly promotions = new Set<PromotionJob>();

  private readonly _api: Api;
  private readonly _where: () => string;
  private readonly _changed = new Signal<PanelModel, void>(this);
  private readonly _ended = new Signal<PanelModel, Ended>(this);
  private readonly _failed = new Signal<PanelModel, unknown>(this);
  private _timer: ReturnType<typeof setTimeout> | null = null;
  private _asked = 0;

  /** `where` gives the path that the user works at; the pipelines of its repository are shown. */
  constructor(api: Api, where: () => string) {
    this._api = api;
    this._where = where;
  }

  get changed(): ISignal<PanelModel, void> {
    return this._changed;
  }

  /** A run that was followed has ended. */
  get ended(): ISignal<PanelModel, Ended> {
    return this._ended;
  }

  /** Something that the user asked for could not be done. */
  get failed(): ISignal<PanelModel, unknown> {
    return this._failed;
  }

  liveOf(pipeline: string): Live[] {
    return [...this.live.values()].filter(
      live => live.name.pipeline === pipeline && live.name.root === this.list?.root
    );
  }

  /** Ask the server for the pipelines, and for the runs of those that are unfolded. */
  async refresh(): Promise<void> {
    this._asked += 1;
    const asked = this._asked;
    this.loading = true;
    this._changed.emit();
    try {
      const list = await this._api.pipelines(this._where());
      if (asked === this._asked) {
        this._take(list);
      }
    } catch (error) {
      if (asked === this._asked) {
        this.error = String(error instanceof Error ? error.message : error);
      }
    }
    if (asked === this._asked) {
      this.loading = false;
      this._changed.emit();
    }
  }

  private _take(list: PipelineList): void {
    if (this.list?.root !== list.root) {
      this.open.clear();
      this.forms.clear();
      this.histories.clear();
      const [only, ...others] = list.pipelines;
      if (only !== undefined && others.length === 0 && !only.problem) {
        this.open.add(only.name);
      }
    }
    this.list = list;
    this.error = '';
    for (const pipeline of list.pipelines) {
      if (pipeline.problem) {
        // What cannot be run any more shows neither a form nor runs.
        this.open.delete(pipeline.name);
        this.forms.delete(pipeline.name);
      }
      if (pipeline.last?.status === 'running') {
        this._follow({ root: list.root, pipeline: pipeline.name, run: pipeline.last.run });
      }
      if (this.open.has(pipeline.name)) {
        void this.loadRuns(pipeline.name);
      }
    }
  }

  toggle(pipeline: string): void {
    if (this.open.delete(pipeline)) {
      this._changed.emit();
      return;
    }
    this.open.add(pipeline);
    this._changed.emit();
    void this.loadRuns(pipeline);
  }

  async loadRuns(pipeline: string, more = false): Promise<void> {
    const root = this.list?.root ?? '';
    const shown = this.histories.get(pipeline)?.runs.length ?? 0;
    try {
      const limit = more ? shown + PAGE : Math.max(PAGE, shown);
      const runs = await this._api.runs(root, pipeline, limit);
      if (this._isShown(root)) {
        this.histories.set(pipeline, runs);
        this._changed.emit();
      }
    } catch (error) {
      if (this._isShown(root)) {
        this._failed.emit(error);
      }
    }
  }

  /** Whether a repository is still the one that is shown: another may have a pipeline of the same name. */
  private _isShown(root: string): boolean {
    return this.list?.root === root;
  }

  openForm(pipeline: PipelineSummary): void {
    const fields = toFields(pipeline.parameters);
    const entries = initialEntries(fields);
    this.forms.set(pipeline.name, { fields, entries, errors: {}, message: '', sending: false, attempts: 0 });
    this._changed.emit();
  }

  closeForm(pipeline: string): void {
    this.forms.delete(pipeline);
    this._changed.emit();
  }

  type(pipeline: string, field: string, text: string, none: boolean): void {
    const form = this.forms.get(pipeline);
    if (form !== undefined) {
      form.entries = { ...form.entries, [field]: { text, none } };
      const { [field]: _mended, ...errors } = form.errors;
      form.errors = errors;
      this._changed.emit();
    }
  }

  /** Start a run with what stands in the form; true when it has been started. */
  async start(pipeline: string): Promise<boolean> {
    const form = this.forms.get(pipeline);
    if (form === undefined || form.sending) {
      return false;
    }
    const filled = fill(form.fields, form.entries);
    form.errors = filled.errors;
    form.message = '';
    if (Object.keys(filled.errors).length > 0) {
      form.attempts += 1;
      this._changed.emit();
      return false;
    }
    form.sending = true;
    this._changed.emit();
    const root = this.list?.root ?? '';
    try {
      const name = await this._api.run(root, pipeline, filled.json);
      if (this._isShown(root)) {
        this.forms.delete(pipeline);
        this.open.add(pipeline);
      }
      this._follow(name);
      return true;
    } catch (error) {
      this._refuse(form, error);
      return false;
    } finally {
      form.sending = false;
      this._changed.emit();
    }
  }

  private _refuse(form: FormState, error: unknown): void {
    form.attempts += 1;
    const message = error instanceof Error ? error.message : String(error);
    const field = error instanceof ServerRefusal ? error.field : null;
    if (field !== null && form.fields.some(f => f.name === field)) {
      form.errors = { [field]: message };
    } else {
      form.message = message;
    }
  }

  async cancel(run: string): Promise<void> {
    const live = this.live.get(run);
    if (live === undefined || live.cancelling) {
      return;
    }
    live.cancelling = true;
    this._changed.emit();
    try {
      await this._api.cancel(live.name);
    } catch (error) {
      live.cancelling = false;
      this._failed.emit(error);
    }
    this._changed.emit();
  }

  /** Show a promotion that is under way. */
  follow(job: PromotionJob): void {
    this.promotions.add(job);
    job.changed.connect(this._show, this);
    this._changed.emit();
  }

  /** The promotion needs no showing any more. */
  drop(job: PromotionJob): void {
    this.promotions.delete(job);
    job.changed.disconnect(this._show, this);
    this._changed.emit();
  }

  private _show(): void {
    this._changed.emit();
  }

  private _follow(name: RunName): void {
    if (!this.live.has(name.run)) {
      this.live.set(name.run, { name, progress: null, startedHere: Date.now(), cancelling: false });
    }
    this._timer ??= setTimeout(() => void this._poll(), 150);
  }

  private async _poll(): Promise<void> {
    await Promise.all([...this.live.values()].map(live => this._look(live)));
    this._timer = this.live.size > 0 ? setTimeout(() => void this._poll(), POLL) : null;
    this._changed.emit();
  }

  private async _look(live: Live): Promise<void> {
    try {
      live.progress = await this._api.progress(live.name);
    } catch (error) {
      if (!(error instanceof ServerRefusal)) {
        return; // the server cannot be reached at the moment; the run goes on without it
      }
      if (error.status !== 404 || Date.now() - live.startedHere > 60_000) {
        this.live.delete(live.name.run);
        this._failed.emit(error);
      }
      return;
    }
    if (live.progress.record.status !== 'running') {
      this.live.delete(live.name.run);
      this._ended.emit({ name: live.name, progress: live.progress });
      await this.refresh();
    }
  }

  dispose(): void {
    if (this._timer !== null) {
      clearTimeout(this._timer);
    }
    this.live.clear();
    Signal.clearData(this);
  }
}
