// What JupyterLab's packages expect of a browser and jsdom does not have.
const missing: Record<string, unknown> = {
  requestIdleCallback: (callback: () => void) => setTimeout(callback, 0),
  cancelIdleCallback: (id: number) => clearTimeout(id),
  DragEvent: class extends Event {},
  matchMedia: () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined })
};

for (const [name, value] of Object.entries(missing)) {
  if (!(name in globalThis)) {
    Object.defineProperty(globalThis, name, { value, writable: true });
  }
}
