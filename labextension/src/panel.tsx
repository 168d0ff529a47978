/** The left panel: the pipelines of the repository that the user works in, and their runs. */
import { ReactWidget, refreshIcon, runIcon, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { PipelineSummary } from './contract';
import { RunForm } from './form';
import { ago, count, joinPath } from './format';
import { dcaiIcon } from './icons';
import type { PanelModel } from './model';
import { Ending, History, LivePromotion, LiveRun, StatusMark } from './runs';

export class DcaiPanel extends ReactWidget {
  private readonly _model: PanelModel;
  private readonly _openPath: (path: string) => void;

  constructor(model: PanelModel, openPath: (path: string) => void) {
    super();
    this._model = model;
    this._openPath = openPath;
    this.id = 'dcai-panel';
    this.addClass('dcai-panel');
    this.title.icon = dcaiIcon;
    this.title.caption = 'dcai: pipelines and runs';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'dcai pipelines');
  }

  protected override onAfterShow(): void {
    void this._model.refresh();
  }

  protected override render(): React.ReactElement {
    return (
      <UseSignal signal={this._model.changed}>
        {() => <Panel model={this._model} openPath={this._openPath} />}
      </UseSignal>
    );
  }
}

interface PanelProps {
  model: PanelModel;
  openPath: (path: string) => void;
}

function Panel({ model, openPath }: PanelProps): React.ReactElement {
  const { list } = model;
  return (
    <>
      <header className="dcai-header">
        <h2>dcai pipelines</h2>
        <button
          type="button"
          className="dcai-icon-button"
          aria-label="Refresh the pipelines"
          title="Refresh the pipelines"
          disabled={model.loading}
          onClick={() => void model.refresh()}
        >
          <refreshIcon.react tag="span" />
        </button>
      </header>
      {list !== null && list.root !== '' && (
        <p className="dcai-root" title={list.root}>
          in {list.root}
        </p>
      )}
      {model.error !== '' && (
        <p className="dcai-error dcai-notice" role="alert">
          {model.error}
        </p>
      )}
      {[...model.promotions].map(job => (
        <LivePromotion key={job.name} job={job} />
      ))}
      {list === null && model.error === '' && <p className="dcai-hint dcai-notice">Reading the pipelines…</p>}
      {list !== null && list.pipelines.length === 0 && <Empty />}
      {list?.pipelines.map(pipeline =>
        pipeline.problem ? (
          <Broken key={pipeline.name} pipeline={pipeline} />
        ) : (
          <Pipeline key={pipeline.name} model={model} root={list.root} pipeline={pipeline} openPath={openPath} />
        )
      )}
    </>
  );
}

function Empty(): React.ReactElement {
  return (
    <div className="dcai-empty">
      <p>
        <strong>No pipelines here yet.</strong> A pipeline is a notebook that runs from top to bottom with parameters,
        and keeps a record of every run.
      </p>
      <p>To make the first one:</p>
      <ol>
        <li>Open a notebook.</li>
        <li>
          Put its settings into one cell, such as <code>rate = 0.1</code>, and tag that cell with the command{' '}
          <em>Tag Cell as Parameters</em>.
        </li>
        <li>
          Click <em>Promote to pipeline</em> in the notebook's toolbar.
        </li>
      </ol>
    </div>
  );
}

/** A pipeline that cannot be run: nothing but its name and what is wrong with it. */
function Broken({ pipeline }: { pipeline: PipelineSummary }): React.ReactElement {
  return (
    <section className="dcai-pipeline" aria-label={`Pipeline ${pipeline.name}`}>
      <div className="dcai-row">
        <h3 className="dcai-name" title={pipeline.name}>
          {pipeline.name}
        </h3>
      </div>
      <p className="dcai-error dcai-problem">{pipeline.problem}</p>
    </section>
  );
}

interface PipelineProps extends PanelProps {
  root: string;
  pipeline: PipelineSummary;
}

function Pipeline({ model, root, pipeline, openPath }: PipelineProps): React.ReactElement {
  const { name } = pipeline;
  const open = model.open.has(name);
  const form = model.forms.get(name);
  const live = model.liveOf(name);
  const running = new Set(live.map(run => run.name.run));
  const runButton = React.useRef<HTMLButtonElement>(null);
  const close = () => {
    model.closeForm(name);
    runButton.current?.focus();
  };
  return (
    <section className="dcai-pipeline" aria-label={`Pipeline ${name}`}>
      <div className="dcai-row">
        <h3>
          <button type="button" className="dcai-toggle" aria-expanded={open} onClick={() => model.toggle(name)}>
            <span className="dcai-caret" aria-hidden="true" />
            <span className="dcai-name" title={name}>
              {name}
            </span>
          </button>
        </h3>
        <button
          ref={runButton}
          type="button"
          className="dcai-run-button"
          aria-label={`Run ${name}`}
          aria-expanded={form !== undefined}
          onClick={() => (form === undefined ? model.openForm(pipeline) : close())}
        >
          <runIcon.react tag="span" />
          Run
        </button>
      </div>
      <LastStatus pipeline={pipeline} running={live.length > 0} />
      {form !== undefined && (
        <RunForm
          pipeline={name}
          form={form}
          onType={(field, text, none) => model.type(name, field, text, none)}
          onRun={() => void model.start(name)}
          onClose={close}
        />
      )}
      {live.map(run => (
        <LiveRun key={run.name.run} live={run} onCancel={() => void model.cancel(run.name.run)} />
      ))}
      {!open && live.length === 0 && pipeline.last?.error && (
        <Ending status={pipeline.last.status} failure={pipeline.last.error} />
      )}
      {open && (
        <div className="dcai-details">
          <button
            type="button"
            className="dcai-link"
            title="Opens the pipeline's notebook"
            onClick={() => openPath(joinPath(root, pipeline.notebook))}
          >
            {pipeline.notebook}
          </button>
          <History
            root={root}
            history={model.histories.get(name)}
            running={running}
            onOpen={openPath}
            onMore={() => void model.loadRuns(name, true)}
          />
        </div>
      )}
    </section>
  );
}

function LastStatus({ pipeline, running }: { pipeline: PipelineSummary; running: boolean }): React.ReactElement {
  const { last } = pipeline;
  if (running) {
    return (
      <div className="dcai-last">
        <StatusMark status="running" />
      </div>
    );
  }
  if (last === null) {
    return <div className="dcai-last dcai-hint">never run</div>;
  }
  return (
    <div className="dcai-last">
      <StatusMark status={last.status} />
      <span className="dcai-hint">
        {ago(last.started, Date.now())} · {count(pipeline.runs, 'run')}
      </span>
    </div>
  );
}
