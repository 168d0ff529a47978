/** What a promotion would write, to be agreed to, and what it has written. */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';
import type { Promotion } from './contract';

/** Show what would be written; true where somebody agrees. */
export async function confirmChanges(preview: Promotion, root: string, commit: boolean): Promise<boolean> {
  const answer = await showDialog({
    title: `Make ${preview.name} a pipeline?`,
    body: made(<Preview preview={preview} root={root} commit={commit} />),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: commit ? 'Write and commit' : 'Write' })]
  });
  return answer.button.accept;
}

export async function showResult(promotion: Promotion, root: string): Promise<void> {
  await showDialog({
    title: 'Promoted to pipeline',
    body: made(<Result promotion={promotion} root={root} />),
    buttons: [Dialog.okButton({ label: 'Done' })]
  });
}

function made(element: React.ReactElement): ReactWidget {
  const body = ReactWidget.create(element);
  body.addClass('dcai-dialog');
  return body;
}

function Preview(props: { preview: Promotion; root: string; commit: boolean }): React.ReactElement {
  const { preview, root, commit } = props;
  const where = root === '' ? '' : ` in ${root}`;
  return (
    <div className="dcai-promote">
      <p>
        {preview.checked ? 'It ran from top to bottom in a fresh kernel.' : 'It was not run.'} Nothing is written yet.
      </p>
      <Undeclared undeclared={preview.undeclared ?? {}} />
      <Notes notes={preview.notes.filter(note => !isListed(note, preview.undeclared ?? {}))} />
      <div className="dcai-caption">
        {commit ? `Would be written and committed${where}` : `Would be written${where}`}
      </div>
      {preview.diff ? <Changes diff={preview.diff} /> : <p>Nothing: the files are there already, just like this.</p>}
    </div>
  );
}

const ROLES: Record<string, string> = { inputs: 'reads', outputs: 'writes', corrections: 'applies' };

/** The files that the notebook used and that would not be declared. */
function Undeclared({ undeclared }: { undeclared: Record<string, string[]> }): React.ReactElement | null {
  const fields = Object.entries(undeclared).filter(([, files]) => files.length > 0);
  if (fields.length === 0) {
    return null;
  }
  return (
    <>
      <div className="dcai-caption" id="dcai-undeclared">
        Used without being declared
      </div>
      <ul className="dcai-files" aria-labelledby="dcai-undeclared">
        {fields.flatMap(([field, files]) =>
          files.map(file => (
            <li key={`${field} ${file}`}>
              {ROLES[field] ?? 'uses'} <code>{file}</code>{' '}
              <span className="dcai-hint">(declare it in {field} of pipeline.yaml)</span>
            </li>
          ))
        )}
      </ul>
    </>
  );
}

/** Whether a note says what the list of undeclared files says already. */
function isListed(note: string, undeclared: Record<string, string[]>): boolean {
  const files = Object.values(undeclared).flat();
  return note.includes('without declaring it') && files.some(file => note.includes(file));
}

function Notes({ notes }: { notes: string[] }): React.ReactElement | null {
  return notes.length === 0 ? null : (
    <ul className="dcai-problems" aria-label="Notes">
      {notes.map(note => (
        <li key={note}>{note}</li>
      ))}
    </ul>
  );
}

function Result({ promotion, root }: { promotion: Promotion; root: string }): React.ReactElement {
  return (
    <div className="dcai-promote">
      <p>
        <strong>{promotion.name}</strong> is a pipeline now.
      </p>
      <div className="dcai-caption">Files{root === '' ? '' : ` in ${root}`}</div>
      <ul className="dcai-files">
        {promotion.files.map(file => (
          <li key={file}>
            <code>{file}</code>
          </li>
        ))}
      </ul>
      <p>
        {promotion.commit === null ? (
          'Not committed to git.'
        ) : (
          <>
            Committed to git as <code>{promotion.commit.slice(0, 10)}</code>.
          </>
        )}{' '}
        {promotion.checked ? 'It ran from top to bottom in a fresh kernel.' : 'It was not run.'}
      </p>
      <Notes notes={promotion.notes} />
      <p className="dcai-hint">Run it from the dcai panel in the left side bar.</p>
    </div>
  );
}

const TONES: Record<string, string> = { '+': 'dcai-added', '-': 'dcai-removed', '@': 'dcai-place' };

/** A difference; colour repeats what the first character of a line says. */
function Changes({ diff }: { diff: string }): React.ReactElement {
  const lines = diff.trimEnd().split('\n');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a block that scrolls must be reachable by keyboard
    <section className="dcai-scroll dcai-diff" tabIndex={0} aria-label="Changes">
      <pre>
        {lines.map((text, number) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines never move, and equal ones are common
          <div key={number} className={/^(---|\+\+\+) /.test(text) ? 'dcai-file' : TONES[text.charAt(0)]}>
            {text || ' '}
          </div>
        ))}
      </pre>
    </section>
  );
}
