// A number against its column: a small picture of how the column spreads, the value marked in it. Drawn here, as SVG.
import type { Spread } from '../contract';
import { el, svg } from './dom';
import { toPercent } from './value';

const WIDTH = 132;
const HEIGHT = 22;
/** Room for a value that lies outside of the picture. */
const MARGIN = 7;

export function showSpread(spread: Spread, value: string): HTMLElement {
  const words = toWords(spread, value);
  const inner = WIDTH - 2 * MARGIN;
  const step = inner / spread.counts.length;
  const most = Math.max(1, ...spread.counts);
  const bars = spread.counts.map((count, i) => {
    // A few values must not look like none.
    const height = count ? Math.max(1, (HEIGHT - 2) * (count / most)) : 0;
    return svg('rect', {
      class: 'dcai-review-spread-bar',
      x: round(MARGIN + i * step),
      y: round(HEIGHT - height),
      width: round(step - 0.6),
      height: round(height)
    });
  });
  const picture = svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: 'img', 'aria-label': words },
    svg('title', {}, words),
    ...bars,
    svg('path', { class: 'dcai-review-spread-axis', d: `M${MARGIN} ${HEIGHT - 0.5}H${WIDTH - MARGIN}` }),
    mark(spread.to ?? null, 'is-suggested', inner),
    mark(spread.at, 'is-given', inner)
  );
  return el(
    'span',
    { class: 'dcai-review-spread' },
    picture,
    el('small', { 'aria-hidden': 'true' }, `${spread.low} … ${spread.high}`)
  );
}

/** A line at the value; an arrow at the edge where it lies beyond. */
function mark(at: number | null, look: string, inner: number): SVGElement | null {
  if (at === null) {
    return null;
  }
  const name = `dcai-review-spread-mark ${look}`;
  if (at < 0 || at > 1) {
    const x = at < 0 ? 1 : WIDTH - 1;
    const back = at < 0 ? MARGIN - 1 : WIDTH - MARGIN + 1;
    return svg('path', { class: name, d: `M${x} ${HEIGHT / 2}L${back} ${HEIGHT / 2 - 5}V${HEIGHT / 2 + 5}Z` });
  }
  return svg('path', { class: name, d: `M${round(MARGIN + at * inner)} 0V${HEIGHT}` });
}

function toWords({ at, share, low, high }: Spread, value: string): string {
  const beyond = at === null ? '' : at < 0 ? `, below ${low}` : at > 1 ? `, above ${high}` : '';
  const place = share == null ? '' : ` ${toPercent(share)} of the column are smaller.`;
  return `${value || 'empty'}${beyond}; the column from ${low} to ${high}.${place}`;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}
