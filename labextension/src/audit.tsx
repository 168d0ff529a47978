/** Audit and review: which variable, then one new cell below the active one, which is run. */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';
import { audits, type Frame, frames } from './kernel';
import { auditCode, isIdentifier, reviewCode } from './python';

export async function audit(panel: NotebookPanel): Promise<void> {
  const found = (await frames(kernelOf(panel))).filter(frame => isIdentifier(frame.name));
  if (found.length === 0) {
    throw new Error(
      'There is no DataFrame among the variables of this notebook. Run the cell that loads the data first.'
    );
  }
  const body = new AuditBody(found);
  const answer = await showDialog({
    title: 'Audit a DataFrame',
    body,
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Audit' })],
    focusNodeSelector: '#dcai-audit-frame'
  });
  if (answer.button.accept && answer.value !== null) {
    await insertAndRun(panel, auditCode(answer.value.frame, answer.value.label));
  }
}

export async function review(panel: NotebookPanel): Promise<void> {
  const found = (await audits(kernelOf(panel))).filter(isIdentifier);
  const [only, ...others] = found;
  if (only === undefined) {
    throw new Error('There is no audit among the variables of this notebook. Audit a DataFrame first.');
  }
  let chosen = only;
  if (others.length > 0) {
    const body = new PickBody(found);
    const buttons = [Dialog.cancelButton(), Dialog.okButton({ label: 'Review' })];
    const answer = await showDialog({ title: 'Review an audit', body, buttons, focusNodeSelector: '#dcai-pick' });
    if (!answer.button.accept || answer.value === null) {
      return;
    }
    chosen = answer.value;
  }
  await insertAndRun(panel, reviewCode(chosen));
}

function kernelOf(panel: NotebookPanel) {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    throw new Error('This notebook has no running kernel. Run the cell that loads the data first.');
  }
  return kernel;
}

async function insertAndRun(panel: NotebookPanel, code: string): Promise<void> {
  const notebook = panel.content;
  NotebookActions.insertBelow(notebook);
  notebook.activeCell?.model.sharedModel.setSource(code);
  await NotebookActions.run(notebook, panel.sessionContext);
}

interface Picked {
  frame: string;
  label: string | number | null;
}

class AuditBody extends ReactWidget implements Dialog.IBodyWidget<Picked> {
  private readonly _frames: Frame[];
  private _picked: Picked;

  constructor(found: Frame[]) {
    super();
    this._frames = found;
    this._picked = { frame: found[0]?.name ?? '', label: null };
    this.addClass('dcai-dialog');
  }

  getValue(): Picked {
    return this._picked;
  }

  protected override render(): React.ReactElement {
    return (
      <AuditForm
        found={this._frames}
        onChange={picked => {
          this._picked = picked;
        }}
      />
    );
  }
}

function AuditForm({ found, onChange }: { found: Frame[]; onChange: (p: Picked) => void }): React.ReactElement {
  const [picked, setPicked] = React.useState<Picked>({ frame: found[0]?.name ?? '', label: null });
  const columns = found.find(frame => frame.name === picked.frame)?.columns ?? [];
  const change = (next: Picked) => {
    setPicked(next);
    onChange(next);
  };
  return (
    <div className="dcai-promote">
      <label htmlFor="dcai-audit-frame">DataFrame</label>
      <select
        id="dcai-audit-frame"
        className="jp-mod-styled"
        value={picked.frame}
        onChange={event => change({ frame: event.target.value, label: null })}
      >
        {found.map(frame => (
          <option key={frame.name} value={frame.name}>
            {frame.name} ({frame.columns.length} columns)
          </option>
        ))}
      </select>
      <label htmlFor="dcai-audit-label">Label column</label>
      <select
        id="dcai-audit-label"
        className="jp-mod-styled"
        value={picked.label === null ? -1 : columns.indexOf(picked.label)}
        onChange={event => change({ frame: picked.frame, label: columns[Number(event.target.value)] ?? null })}
      >
        <option value={-1}>No label: look for inconsistent data only</option>
        {columns.map((column, index) => (
          <option key={JSON.stringify(column)} value={index}>
            {String(column)}
          </option>
        ))}
      </select>
      <p className="dcai-hint">A cell with the audit is put below the active one, and run.</p>
    </div>
  );
}

class PickBody extends ReactWidget implements Dialog.IBodyWidget<string> {
  private readonly _names: string[];
  private _picked: string;

  constructor(names: string[]) {
    super();
    this._names = names;
    this._picked = names[0] ?? '';
    this.addClass('dcai-dialog');
  }

  getValue(): string {
    return this._picked;
  }

  protected override render(): React.ReactElement {
    return (
      <div className="dcai-promote">
        <label htmlFor="dcai-pick">Audit</label>
        <select
          id="dcai-pick"
          className="jp-mod-styled"
          defaultValue={this._picked}
          onChange={event => {
            this._picked = event.target.value;
          }}
        >
          {this._names.map(name => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </div>
    );
  }
}
