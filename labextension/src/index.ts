/** The JupyterLab plugin: commands, the notebook's toolbar button (see the settings schema) and the left panel. */
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, Notification } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { Api } from './api';
import { audit, review } from './audit';
import { guardClosing } from './closing';
import { joinPath, statusText } from './format';
import { dcaiIcon } from './icons';
import { type Ended, PanelModel } from './model';
import { details, fail } from './notify';
import { DcaiPanel } from './panel';
import { promote } from './promote';

const CATEGORY = 'dcai';
const TAG = 'parameters';
// `dcai lab` opens JupyterLab at an address that asks for the panel.
const PANEL_WISH = 'dcai-panel';

interface Parts {
  app: JupyterFrontEnd;
  tracker: INotebookTracker;
  api: Api;
  model: PanelModel;
  panel: DcaiPanel;
}

interface Command {
  id: string;
  label: string;
  caption: string;
  title: string;
  needsNotebook: boolean;
  execute: (args: Record<string, unknown>) => Promise<void> | void;
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'dcai:plugin',
  description: 'Find wrong labels, fix them, promote the notebook to a pipeline.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const { contents, serverSettings } = app.serviceManager;
    const local = (path: string) => contents.localPath(path);
    const api = new Api(serverSettings);
    const model = new PanelModel(api, () => local(tracker.currentWidget?.context.path ?? browsedFolder(app)));
    const panel = new DcaiPanel(model, path => void openPath(app, path));
    app.shell.add(panel, 'left', { rank: 650 });
    restorer?.add(panel, panel.id);
    if (new URLSearchParams(window.location.search).has(PANEL_WISH)) {
      void app.restored.then(() => app.shell.activateById(panel.id));
    }

    const parts = { app, tracker, api, model, panel };
    const commands = allCommands(parts);
    for (const command of commands) {
      addCommand(parts, command);
      palette?.addItem({ command: command.id, category: CATEGORY });
    }
    tracker.widgetAdded.connect((_, notebook) => void guardClosing(notebook));
    tracker.currentChanged.connect(() => {
      for (const command of commands) {
        app.commands.notifyCommandChanged(command.id);
      }
      if (panel.isVisible) {
        void model.refresh();
      }
    });
    model.failed.connect((_, error) => fail('dcai', error));
    model.ended.connect((_, ended) => announce(app, ended));
  }
};

/**
 * The folder that the file browser shows. Its widget is looked for instead of its token being asked for, so that
 * no page, such as a notebook in Notebook 7, gets a file browser for our sake.
 */
function browsedFolder(app: JupyterFrontEnd): string {
  for (const widget of app.shell.widgets('left')) {
    if (widget.id === 'filebrowser') {
      const { model } = widget as { model?: { path?: unknown } };
      return typeof model?.path === 'string' ? model.path : '';
    }
  }
  return '';
}

function addCommand({ app, tracker }: Parts, command: Command): void {
  app.commands.addCommand(command.id, {
    label: command.label,
    caption: command.caption,
    icon: command.id === 'dcai:open-panel' ? dcaiIcon : undefined,
    isEnabled: () => !command.needsNotebook || tracker.currentWidget !== null,
    execute: async args => {
      try {
        await command.execute(args);
      } catch (error) {
        fail(command.title, error);
      }
    }
  });
}

function allCommands(parts: Parts): Command[] {
  const { app, tracker, api, model, panel } = parts;
  const notebook = (): NotebookPanel => {
    if (tracker.currentWidget === null) {
      throw new Error('No notebook is open. Open the notebook first.');
    }
    return tracker.currentWidget;
  };
  const showPanel = () => app.shell.activateById(panel.id);
  return [
    {
      id: 'dcai:audit',
      label: 'Audit a DataFrame',
      caption: "Look for wrong labels and inconsistent values in one of the notebook's DataFrames",
      title: 'The audit was not started',
      needsNotebook: true,
      execute: () => audit(notebook())
    },
    {
      id: 'dcai:review',
      label: 'Review Findings',
      caption: 'Decide about the findings of an audit',
      title: 'The review was not opened',
      needsNotebook: true,
      execute: () => review(notebook())
    },
    {
      id: 'dcai:promote',
      label: 'Promote to Pipeline',
      caption: 'Make a pipeline with parameters of this notebook',
      title: 'The notebook was not promoted',
      needsNotebook: true,
      execute: async () => {
        const current = notebook();
        const made = await promote(api, current, app.serviceManager.contents.localPath(current.context.path), model);
        if (made !== null) {
          showPanel();
          await model.refresh();
        }
      }
    },
    {
      id: 'dcai:run',
      label: 'Run a Pipeline',
      caption: 'Choose the parameters of a pipeline and run it',
      title: 'The pipeline was not run',
      needsNotebook: false,
      execute: async args => {
        showPanel();
        await openRunForm(model, typeof args.name === 'string' ? args.name : null);
      }
    },
    {
      id: 'dcai:tag-parameters',
      label: 'Tag Cell as Parameters',
      caption: 'Mark the active cell as the one that holds the parameters, or take the mark away',
      title: 'The cell was not tagged',
      needsNotebook: true,
      execute: () => tagParameters(notebook())
    },
    {
      id: 'dcai:open-panel',
      label: 'Show Pipelines and Runs',
      caption: 'Show the dcai panel',
      title: 'The panel was not opened',
      needsNotebook: false,
      execute: showPanel
    }
  ];
}

async function openRunForm(model: PanelModel, name: string | null): Promise<void> {
  await model.refresh();
  if (model.list === null) {
    throw new Error(model.error);
  }
  const { pipelines } = model.list;
  const names = pipelines.filter(pipeline => !pipeline.problem).map(pipeline => pipeline.name);
  let chosen = name ?? (names.length === 1 ? (names[0] ?? null) : null);
  const broken = pipelines.find(pipeline => pipeline.problem && (pipeline.name === name || names.length === 0));
  if (broken?.problem) {
    throw new Error(broken.problem);
  }
  if (names.length === 0) {
    throw new Error('There is no pipeline here yet. Open a notebook and promote it first.');
  }
  if (chosen === null) {
    const answer = await InputDialog.getItem({ title: 'Run which pipeline?', items: names, okLabel: 'Choose' });
    chosen = answer.button.accept ? answer.value : null;
    if (chosen === null) {
      return;
    }
  }
  const pipeline = pipelines.find(p => p.name === chosen);
  if (pipeline === undefined) {
    throw new Error(`There is no pipeline ${JSON.stringify(chosen)} here. There is: ${names.join(', ')}.`);
  }
  model.openForm(pipeline);
}

function tagParameters(panel: NotebookPanel): void {
  const cell = panel.content.activeCell;
  if (cell === null || cell.model.type !== 'code') {
    throw new Error('Only a code cell can hold parameters. Select one first.');
  }
  const found: unknown = cell.model.getMetadata('tags');
  const tags = Array.isArray(found) ? found.filter((tag): tag is string => typeof tag === 'string') : [];
  const had = tags.includes(TAG);
  cell.model.setMetadata('tags', had ? tags.filter(tag => tag !== TAG) : [...tags, TAG]);
  Notification.info(had ? 'The cell is no longer tagged as parameters.' : 'The cell is tagged as parameters.', {
    autoClose: 3000
  });
}

async function openPath(app: JupyterFrontEnd, path: string): Promise<void> {
  try {
    await app.commands.execute('docmanager:open', { path });
  } catch (error) {
    fail('The file was not opened', error);
  }
}

/** Say how a run ended, also when the panel is out of sight. */
function announce(app: JupyterFrontEnd, { name, progress }: Ended): void {
  const { record } = progress;
  const path = joinPath(name.root, 'runs', name.pipeline, name.run, 'output.ipynb');
  const open: Notification.IAction = { label: 'Open output', callback: () => void openPath(app, path) };
  if (record.status === 'succeeded') {
    Notification.success(`${name.pipeline} succeeded.`, { autoClose: 5000, actions: [open] });
    return;
  }
  const { error } = record;
  const where = error !== null && error.cell !== null ? ` in cell ${error.cell + 1}` : '';
  const why = error === null ? '' : `: ${error.error}: ${error.message}`;
  const text = `${name.pipeline} ${statusText(record.status)}${where}${why}`;
  const actions = [open, ...details(`${name.pipeline} ${statusText(record.status)}`, text)];
  const calm = record.status === 'interrupted' || record.status === 'stopped';
  Notification.emit(text, calm ? 'warning' : 'error', { autoClose: calm ? 5000 : false, actions });
}

export default plugin;
