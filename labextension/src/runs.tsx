/** The runs of a pipeline: the ones under way, and the past ones. */
import * as React from 'react';
import type { RunFailure, RunList, RunRecord } from './contract';
import {
  ago,
  count,
  duration,
  firstLine,
  joinPath,
  metric,
  runSeconds,
  type Status,
  statusText,
  statusTone
} from './format';
import type { Live } from './model';
import type { PromotionJob } from './promotion';

const SHOWN_LINES = 12;

export function StatusMark({ status }: { status: Status }): React.ReactElement {
  return (
    <span className="dcai-status" data-tone={statusTone(status)}>
      <span className="dcai-dot" aria-hidden="true" />
      {statusText(status)}
    </span>
  );
}

/** A run under way: which cell, its first line, how long, and the way to stop it. */
export function LiveRun({ live, onCancel }: { live: Live; onCancel: () => void }): React.ReactElement {
  const { progress } = live;
  const record = progress?.record;
  const now = Date.now();
  const seconds = record ? runSeconds(record, now) : (now - live.startedHere) / 1000;
  const total = record?.cells_total ?? 0;
  const done = record?.cells_done ?? 0;
  const where = total > 0 ? `Cell ${Math.min(done + 1, total)} of ${total}` : 'Starting the kernel';
  return (
    <section className="dcai-live" aria-label={`Run of ${live.name.pipeline} under way`}>
      <div className="dcai-row">
        <span role="status">{live.cancelling ? 'Cancelling…' : where}</span>
        <span className="dcai-number">{duration(seconds)}</span>
      </div>
      <progress aria-label="Cells done" max={Math.max(total, 1)} value={total > 0 ? done : undefined} />
      {progress && progress.cell_source !== '' && (
        <code className="dcai-source-line" title={progress.cell_source}>
          {firstLine(progress.cell_source)}
        </code>
      )}
      <div className="dcai-actions">
        <button type="button" className="jp-mod-styled jp-mod-reject" disabled={live.cancelling} onClick={onCancel}>
          Cancel run
        </button>
      </div>
    </section>
  );
}

/** A promotion under way: what it does, how long, and the way to stop it. */
export function LivePromotion({ job }: { job: PromotionJob }): React.ReactElement {
  return (
    <section className="dcai-live dcai-promotion" aria-label={`Promotion of ${job.name} under way`}>
      <div className="dcai-row">
        <span role="status">{job.cancelling ? 'Cancelling…' : `Promoting ${job.name}: ${job.doing}`}</span>
        <span className="dcai-number">{duration(job.seconds)}</span>
      </div>
      <div className="dcai-actions">
        <button
          type="button"
          className="jp-mod-styled jp-mod-reject"
          disabled={job.cancelling}
          onClick={() => void job.callOff()}
        >
          Cancel promotion
        </button>
      </div>
    </section>
  );
}

/** How a run ended that did not succeed: in full where something is wrong, else in a few words. */
export function Ending({ status, failure }: { status: Status; failure: RunFailure }): React.ReactElement {
  if (statusTone(status) === 'bad') {
    return <Failure failure={failure} />;
  }
  const where = failure.cell === null ? '' : `Cell ${failure.cell + 1}: `;
  return (
    <p className="dcai-ending dcai-hint">
      {where}
      {failure.message}
    </p>
  );
}

/** Why a run failed: the cell, its source and the message. */
function Failure({ failure }: { failure: RunFailure }): React.ReactElement {
  const lines = failure.source.split('\n');
  const cut = lines.length > SHOWN_LINES;
  return (
    <div className="dcai-failure">
      <div className="dcai-failure-title">
        {failure.cell === null ? failure.error : `Cell ${failure.cell + 1}: ${failure.error}`}
      </div>
      <p className="dcai-error">{failure.message}</p>
      {failure.source !== '' && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a block that scrolls must be reachable by keyboard
        <section className="dcai-source" tabIndex={0} aria-label="Source of the failing cell">
          <pre>{cut ? `${lines.slice(0, SHOWN_LINES).join('\n')}\n…` : failure.source}</pre>
        </section>
      )}
    </div>
  );
}

export interface HistoryProps {
  root: string;
  history: RunList | undefined;
  running: ReadonlySet<string>;
  onOpen: (path: string) => void;
  onMore: () => void;
}

export function History(props: HistoryProps): React.ReactElement {
  const { history } = props;
  if (history === undefined) {
    return <p className="dcai-hint">Reading the runs…</p>;
  }
  const past = history.runs.filter(run => !props.running.has(run.run));
  if (past.length === 0) {
    return <p className="dcai-hint">No past runs yet.</p>;
  }
  const left = history.total - history.runs.length;
  return (
    <>
      <ul className="dcai-runs" aria-label="Past runs">
        {past.map(run => (
          <PastRun key={run.run} root={props.root} run={run} onOpen={props.onOpen} />
        ))}
      </ul>
      {left > 0 && (
        <button type="button" className="dcai-link" onClick={props.onMore}>
          Show more ({count(left, 'older run')})
        </button>
      )}
    </>
  );
}

interface PastRunProps {
  root: string;
  run: RunRecord;
  onOpen: (path: string) => void;
}

function PastRun({ root, run, onOpen }: PastRunProps): React.ReactElement {
  const when = ago(run.started, Date.now());
  const metrics = Object.entries(run.metrics);
  const output = joinPath(root, 'runs', run.pipeline, run.run, 'output.ipynb');
  const refused = run.status === 'invalid';
  return (
    <li className="dcai-run">
      <button
        type="button"
        className="dcai-run-open"
        disabled={refused}
        title={`Run ${run.run}, started ${new Date(run.started).toLocaleString()}.\nOpens its output notebook.`}
        aria-label={`Open the output of the run of ${when}: ${statusText(run.status)}`}
        onClick={() => onOpen(output)}
      >
        <StatusMark status={run.status} />
        <span className="dcai-number">
          {when} · {duration(runSeconds(run, Date.now()))}
        </span>
      </button>
      {metrics.length > 0 && (
        <dl className="dcai-metrics">
          {metrics.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd title={metric(value)}>{metric(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      {run.error && <Ending status={run.status} failure={run.error} />}
    </li>
  );
}
