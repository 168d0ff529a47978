import type { NotebookPanel } from '@jupyterlab/notebook';
import { Message, MessageLoop } from '@lumino/messaging';
import { expect, it, vi } from 'vitest';
import { guardClosing } from './closing';
import { forgetPending, notePending } from './review/pending';

const { showDialog } = vi.hoisted(() => ({ showDialog: vi.fn() }));
vi.mock('@jupyterlab/apputils', () => ({
  showDialog,
  Dialog: { cancelButton: () => ({}), warnButton: () => ({}) }
}));

it('asks before a notebook with unsaved decisions is closed, each time, and no other notebook', async () => {
  const closed: string[] = [];
  const make = async (name: string): Promise<NotebookPanel> => {
    const panel = {
      node: document.createElement('div'),
      context: { ready: Promise.resolve() },
      processMessage: () => undefined,
      close: (): void => MessageLoop.sendMessage(panel, new Message('close-request'))
    };
    panel.node.className = 'jp-MainAreaWidget';
    document.body.append(panel.node);
    MessageLoop.installMessageHook(panel, () => {
      closed.push(name); // as JupyterLab, which may ask whether to save, and leave the notebook open
      return false;
    });
    await guardClosing(panel as unknown as NotebookPanel);
    return panel as unknown as NotebookPanel;
  };
  const [one, other] = [await make('one'), await make('other')];
  const view = document.createElement('div');
  one.node.append(view);
  notePending('view', view, 2);
  other.close();
  expect([closed, showDialog.mock.calls.length]).toEqual([['other'], 0]);
  showDialog.mockResolvedValue({ button: { accept: false } });
  one.close();
  await vi.waitFor(() => expect(showDialog).toHaveBeenCalledTimes(1));
  expect(closed).toEqual(['other']);
  showDialog.mockResolvedValue({ button: { accept: true } });
  one.close();
  await vi.waitFor(() => expect(closed).toEqual(['other', 'one']));
  one.close();
  await vi.waitFor(() => expect(showDialog).toHaveBeenCalledTimes(3));
  await vi.waitFor(() => expect(closed).toEqual(['other', 'one', 'one']));
  forgetPending('view');
  one.close();
  expect(closed).toEqual(['other', 'one', 'one', 'one']);
  expect(showDialog).toHaveBeenCalledTimes(3);
});
