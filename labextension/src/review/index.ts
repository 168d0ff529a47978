// The review widget, as anywidget loads it.
import './style.css';
import { App, type Model } from './app';

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const app = new App(model);
  el.append(app.node);
  app.start();
  return () => app.close();
}

export default { render };
