/** How a failing command says so: never in silence, and never cut off. */
import { Notification, showErrorMessage } from '@jupyterlab/apputils';

// JupyterLab cuts longer notifications.
const LONGEST = 140;

export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Options that let a person read a message that is too long for a notification. */
export function details(title: string, text: string): Notification.IAction[] {
  return text.length > LONGEST ? [{ label: 'Read all', callback: () => void showErrorMessage(title, text) }] : [];
}

export function fail(title: string, error: unknown): void {
  const text = sentence(error);
  Notification.error(text, { autoClose: false, actions: details(title, text) });
}
