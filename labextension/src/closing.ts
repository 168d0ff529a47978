/** A notebook with decisions that are not saved yet is closed only after a question. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { type Message, MessageLoop } from '@lumino/messaging';
import { countPending } from './review/pending';

export async function guardClosing(panel: NotebookPanel): Promise<void> {
  // JupyterLab answers the wish to close a document itself, once that is ready: who comes later is asked before it.
  await panel.context.ready;
  let sure = false;
  MessageLoop.installMessageHook(panel, (_: unknown, message: Message): boolean => {
    const unsaved = message.type === 'close-request' && !sure ? countPending(panel.node) : 0;
    if (unsaved) {
      void ask(unsaved).then(yes => {
        if (yes) {
          sure = true;
          panel.close();
          sure = false; // JupyterLab may have more to ask, and the notebook stay open
        }
      });
    }
    return unsaved === 0;
  });
}

async function ask(unsaved: number): Promise<boolean> {
  const [are, them] = unsaved === 1 ? ['decision is', 'It is'] : ['decisions are', 'They are'];
  const answer = await showDialog({
    title: 'Close without saving?',
    body: `${unsaved} ${are} not saved yet: the kernel has not answered. ${them} kept in this browser tab, and saved when the review is opened here again.`,
    buttons: [Dialog.cancelButton({ label: 'Wait' }), Dialog.warnButton({ label: 'Close' })],
    defaultButton: 0
  });
  return answer.button.accept;
}
