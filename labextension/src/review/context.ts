// The column around a doubted cell: its most frequent values, and how often the given and the suggested one occur.
import type { Context, Finding, Scalar } from '../contract';
import { classes, el } from './dom';
import { showValue, toCount } from './value';

export function showContext(context: Context, finding: Finding): HTMLElement {
  const rows = context.common.map(({ value, rows }) => ({ value, rows, look: '' }));
  const known = (value: Scalar) => rows.find(r => r.value === value);
  const add = (value: Scalar, count: number, look: string) => {
    const there = known(value);
    if (there) {
      there.look = look;
    } else {
      rows.push({ value, rows: count, look });
    }
  };
  add(finding.given, context.given, 'is-given');
  if (context.suggested != null) {
    add(finding.suggested, context.suggested, 'is-suggested');
  }
  const most = Math.max(1, ...rows.map(r => r.rows));
  const filled = context.rows - context.empty;
  return el(
    'section',
    { class: 'dcai-review-context', 'aria-label': 'The column' },
    el(
      'p',
      { class: 'dcai-review-faint' },
      `The column: ${toCount(context.distinct, 'value')} in ${toCount(filled, 'row')}` +
        (context.empty ? `, ${toCount(context.empty, 'row')} empty` : '')
    ),
    el(
      'ul',
      {},
      ...rows.map(({ value, rows: count, look }) => {
        const bar = el('span', { class: classes('dcai-review-context-fill', look) });
        bar.style.width = `${(100 * count) / most}%`;
        bar.hidden = count === 0;
        const word = look === 'is-given' ? 'given' : look === 'is-suggested' ? 'suggested' : '';
        return el(
          'li',
          {},
          el('span', { class: 'dcai-review-context-value' }, showValue(value, 60)),
          el('span', { class: 'dcai-review-context-bar', 'aria-hidden': 'true' }, bar),
          el('span', { class: 'dcai-review-context-rows' }, toCount(count, 'row')),
          el('span', { class: 'dcai-review-faint' }, word)
        );
      })
    )
  );
}
