// How many decisions wait for their answer, view by view, for all of the page to see: it is left, and a notebook is closed,
// only after a question then. The widgets and the plugin are loaded apart, so what they share hangs on the page.
interface Pending {
  node: Element;
  /** The notebook, or other panel, that the view was seen in last: JupyterLab takes out of it what is scrolled away. */
  home: Element | null;
  count: number;
}

const VIEWS = Symbol.for('dcai.review.pending');
const page = globalThis as { [VIEWS]?: Map<string, Pending> };

/** Note how many decisions of a view have no answer; the first view has the page ask before it is left. */
export function notePending(name: string, node: Element, count: number): void {
  if (!page[VIEWS]) {
    page[VIEWS] = new Map();
    globalThis.addEventListener('beforeunload', ask);
  }
  if (count) {
    const home = node.isConnected ? node.closest('.jp-MainAreaWidget') : (page[VIEWS].get(name)?.home ?? null);
    page[VIEWS].set(name, { node, home, count });
  } else {
    page[VIEWS].delete(name);
  }
}

/** Another view has taken over what this one had left. */
export function forgetPending(name: string): void {
  page[VIEWS]?.delete(name);
}

/** Count the decisions of the views in a part of the page; one that is out of it, and was in no panel, may have been anywhere. */
export function countPending(within?: Node): number {
  const views = [...(page[VIEWS]?.values() ?? [])];
  return views
    .filter(
      ({ node, home }) => !within || within.contains(node.isConnected ? node : home) || !(node.isConnected || home)
    )
    .reduce((sum, { count }) => sum + count, 0);
}

function ask(ev: Event): void {
  if (countPending()) {
    ev.preventDefault();
  }
}
