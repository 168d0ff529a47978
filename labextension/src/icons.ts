/** The icon of dcai: a label with its mark of approval. */
import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3" fill="#616161" d="M21.4 11.6 12.4 2.6A2 2 0 0 0 11 2H4a2 2 0 0 0-2 2v7c0 .5.2 1 .6 1.4l9 9
  a2 2 0 0 0 2.8 0l7-7c.8-.8.8-2 0-2.8zM13 20 4 11V4h7l9 9z"/>
  <path class="jp-icon3" fill="#616161" d="m11.7 16.3-3.4-3.4 1.4-1.4 2 2 4-4 1.4 1.4z"/>
  <circle class="jp-icon3" fill="#616161" cx="6.8" cy="6.8" r="1.4"/>
</svg>`;

export const dcaiIcon = new LabIcon({ name: 'dcai:icon', svgstr: SVG });
