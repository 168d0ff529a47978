/** Questions to the running kernel that leave no trace in the notebook: no cell, no execution number, no output. */
import type { Kernel } from '@jupyterlab/services';

export interface Frame {
  name: string;
  columns: (string | number)[];
}

// Only names, types and column names are read; no value of the user's is called or shown. Other types than
// text and whole numbers cannot be written as a literal, so such columns are not offered.
const FRAMES = `[
  {'name': n, 'columns': [c for c in list(v.columns)[:1000] if type(c) in (str, int)]}
  for n, v in sorted(globals().items())
  if not n.startswith('_') and any(
    b.__name__ == 'DataFrame' and b.__module__.split('.')[0] in ('pandas', 'polars') for b in type(v).__mro__
  )
]`;

const AUDITS = `[
  n for n, v in sorted(globals().items())
  if not n.startswith('_') and type(v).__name__ == 'Audit' and type(v).__module__.split('.')[0] == 'dcai'
]`;

// Milliseconds in which an idle kernel answers; a busy one takes questions only when its cell has ended.
const PATIENCE = 5000;

function later(milliseconds: number): Promise<null> {
  return new Promise(resolve => setTimeout(() => resolve(null), milliseconds));
}

/** Evaluate a Python expression whose value JSON can hold. */
async function ask<T>(kernel: Kernel.IKernelConnection, expression: string): Promise<T> {
  const info = await kernel.info;
  if (info.language_info.name !== 'python') {
    throw new Error(`dcai needs a Python kernel; this notebook's kernel speaks ${info.language_info.name}.`);
  }
  // Hexadecimal text comes back unharmed through Python's repr, whatever the names hold.
  const value = `__import__('json').dumps(${expression}).encode().hex()`.replace(/\n\s*/g, ' ');
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    allow_stdin: false,
    stop_on_error: false,
    user_expressions: { value }
  });
  const reply = await Promise.race([future.done, later(PATIENCE)]);
  if (reply === null) {
    future.dispose();
    throw new Error('The kernel is busy. Wait until the running cell has ended, then try again.');
  }
  const content = reply.content as { user_expressions?: Record<string, { status: string; data?: unknown }> };
  const answer = content.user_expressions?.value;
  const text = (answer?.data as Record<string, string> | undefined)?.['text/plain'];
  if (answer?.status !== 'ok' || text === undefined) {
    throw new Error("The kernel did not answer the question for the notebook's variables.");
  }
  return JSON.parse(decodeHex(text.replace(/^'|'$/g, ''))) as T;
}

export function decodeHex(text: string): string {
  const bytes = text.match(/../g) ?? [];
  return new TextDecoder().decode(Uint8Array.from(bytes, pair => Number.parseInt(pair, 16)));
}

/** The DataFrames among the kernel's variables. */
export function frames(kernel: Kernel.IKernelConnection): Promise<Frame[]> {
  return ask<Frame[]>(kernel, FRAMES);
}

/** The names of the variables that hold an audit. */
export function audits(kernel: Kernel.IKernelConnection): Promise<string[]> {
  return ask<string[]>(kernel, AUDITS);
}
