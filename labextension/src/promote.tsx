/** Promote to pipeline: the dialog, the order to the server, what it would write, and what came of it. */
import { Dialog, Notification, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';
import type { Api } from './api';
import type { NotebookParameters, NotebookView, Parameter, Promotion } from './contract';
import { duration } from './format';
import { toFields } from './forms';
import { sentence } from './notify';
import { confirmChanges, showResult } from './outcome';
import { PromotionJob } from './promotion';

interface Choices {
  name: string;
  check: boolean;
  commit: boolean;
}

/** Who shows the promotions that are under way. */
export interface Board {
  follow: (job: PromotionJob) => void;
  drop: (job: PromotionJob) => void;
}

/**
 * Save, ask, show what would be written, write, show what was done. A refusal brings the dialog back with the sentence
 * and everything that was typed.
 */
export async function promote(api: Api, panel: NotebookPanel, path: string, board: Board): Promise<Promotion | null> {
  await panel.context.save();
  const view = await api.parameters(path);
  let choices: Choices = { name: view.found.suggested_name, check: true, commit: view.git };
  let refusal = '';
  for (;;) {
    const body = new PromoteBody(view, choices, refusal);
    const answer = await showDialog({
      title: 'Promote to pipeline',
      body,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Promote' })],
      focusNodeSelector: '#dcai-promote-name'
    });
    if (!answer.button.accept || answer.value === null) {
      return null;
    }
    choices = answer.value;
    const job = new PromotionJob(api, { notebook: path, ...choices });
    try {
      return await carryOut(job, choices.commit, board);
    } catch (error) {
      // The dialog says it, in full and where it can be mended; a notification would only say it again, cut off.
      refusal = sentence(error);
    }
  }
}

/** Plan, ask, write; null where it was called off. */
async function carryOut(job: PromotionJob, commit: boolean, board: Board): Promise<Promotion | null> {
  const planned = await announced(job, board, () => job.plan());
  if (planned === null || !(await confirmChanges(planned.preview, planned.root, commit))) {
    await job.callOff();
    Notification.info(`${job.name} was not promoted: nothing was written.`, { autoClose: 5000 });
    return null;
  }
  const { promotion, root } = await job.write();
  Notification.success(`${job.name} is a pipeline now.`, { autoClose: 5000 });
  await showResult(promotion, root);
  return promotion;
}

/** Show a promotion under way, with the means to end it, while something is waited for. */
async function announced<T>(job: PromotionJob, board: Board, work: () => Promise<T>): Promise<T> {
  const text = () => `Promoting ${job.name}: ${job.cancelling ? 'cancelling' : job.doing} (${duration(job.seconds)})…`;
  const cancel: Notification.IAction = {
    label: 'Cancel',
    callback: event => {
      event.preventDefault(); // it stays until the kernel has ended
      void job.callOff();
    }
  };
  const shown = Notification.emit(text(), 'in-progress', { autoClose: false, actions: [cancel] });
  const tell = () => void Notification.update({ id: shown, message: text() });
  job.changed.connect(tell);
  board.follow(job);
  try {
    return await work();
  } finally {
    board.drop(job);
    // What is told after this would bring the notification back.
    job.changed.disconnect(tell);
    Notification.dismiss(shown);
  }
}

class PromoteBody extends ReactWidget implements Dialog.IBodyWidget<Choices> {
  private readonly _view: NotebookView;
  private readonly _refusal: string;
  private _choices: Choices;

  constructor(view: NotebookView, choices: Choices, refusal: string) {
    super();
    this._view = view;
    this._choices = choices;
    this._refusal = refusal;
    this.addClass('dcai-dialog');
  }

  getValue(): Choices {
    return { ...this._choices, name: this._choices.name.trim() };
  }

  protected override render(): React.ReactElement {
    return (
      <PromoteForm
        view={this._view}
        refusal={this._refusal}
        initial={this._choices}
        onChange={choices => {
          this._choices = choices;
        }}
      />
    );
  }
}

interface PromoteFormProps {
  view: NotebookView;
  refusal: string;
  initial: Choices;
  onChange: (choices: Choices) => void;
}

function PromoteForm({ view, refusal, initial, onChange }: PromoteFormProps): React.ReactElement {
  const [choices, setChoices] = React.useState(initial);
  const change = (part: Partial<Choices>) => {
    const next = { ...choices, ...part };
    setChoices(next);
    onChange(next);
  };
  return (
    <div className="dcai-promote">
      {refusal !== '' && (
        <p className="dcai-error dcai-notice" role="alert">
          {refusal}
        </p>
      )}
      <label htmlFor="dcai-promote-name">Name of the pipeline</label>
      <input
        id="dcai-promote-name"
        className="jp-mod-styled"
        type="text"
        spellCheck={false}
        value={choices.name}
        onChange={event => change({ name: event.target.value })}
      />
      <Found found={view.found} />
      <Check
        label="Run it once in a fresh kernel first"
        hint="Proves that it runs from top to bottom. Nothing is written if it does not."
        checked={choices.check}
        onChange={check => change({ check })}
      />
      <Check
        label="Commit to git"
        hint={view.git ? "Only the pipeline's own files are committed." : 'This folder is not in a git repository.'}
        checked={choices.commit}
        disabled={!view.git}
        onChange={commit => change({ commit })}
      />
    </div>
  );
}

interface CheckProps {
  label: string;
  hint: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}

function Check(props: CheckProps): React.ReactElement {
  const hint = React.useId();
  return (
    <div className="dcai-choice">
      <label>
        <input
          type="checkbox"
          checked={props.checked}
          disabled={props.disabled}
          aria-describedby={hint}
          onChange={event => props.onChange(event.target.checked)}
        />
        {props.label}
      </label>
      <div id={hint} className="dcai-hint">
        {props.hint}
      </div>
    </div>
  );
}

function Found({ found }: { found: NotebookParameters }): React.ReactElement {
  const none = found.parameters.length === 0;
  const where = found.cell === null ? '' : `in cell ${found.cell + 1}${found.tagged ? '' : ', which will be tagged'}`;
  return (
    <div className="dcai-found">
      {none ? (
        <p>
          <strong>No parameters were found.</strong> The pipeline will always run the same way. To give it parameters,
          put plain assignments such as <code>rate = 0.1</code> into one cell and tag it with{' '}
          <em>Tag Cell as Parameters</em>.
        </p>
      ) : (
        <>
          <div className="dcai-caption" id="dcai-found-title">
            Parameters found {where}
          </div>
          <div className="dcai-scroll">
            <table aria-labelledby="dcai-found-title">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Type</th>
                  <th scope="col">Default</th>
                </tr>
              </thead>
              <tbody>
                {found.parameters.map(parameter => (
                  <FoundRow key={parameter.name} parameter={parameter} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      {found.problems.length > 0 && (
        <ul className="dcai-problems" aria-label="What to look at">
          {found.problems.map(problem => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function FoundRow({ parameter }: { parameter: Parameter }): React.ReactElement {
  const [field] = toFields({ properties: { [parameter.name]: parameter.schema } });
  return (
    <tr>
      <th scope="row">{parameter.name}</th>
      <td>{parameter.settable ? (field?.type ?? 'any') : 'computed'}</td>
      <td>
        {parameter.source === '' ? <em>none: to be given</em> : <code>{parameter.source}</code>}
        {parameter.help !== '' && <div className="dcai-hint">{parameter.help}</div>}
      </td>
    </tr>
  );
}
