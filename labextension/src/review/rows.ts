// The row's cells as a table, its twins or neighbours beside it, with the cells that differ set apart.
import type { Card, Cell, ShownRow } from '../contract';
import { isLabel } from './choices';
import { compare, showSide } from './diff';
import { classes, el } from './dom';
import { NAME } from './focus';
import { showSpread } from './spread';
import { showText, showValue, toLine } from './value';

const IMAGE = /^data:image\/(?:png|jpeg|gif|bmp|webp);base64,[A-Za-z0-9+/=]+$/;

const SOUND = /^data:audio\/(?:wav|mpeg|ogg|flac);base64,[A-Za-z0-9+/=]+$/;
/** A whole cell that is an address of the web; other schemes, such as javascript:, are no links. */
const LINK = /^https?:\/\/[^\s<>"'`\\]+$/i;

export function showRows(card: Card, onEdit: (column: string) => void): HTMLElement | null {
  if (!card.cells.length && !card.peers.length) {
    return null;
  }
  const peers = card.peers.map(p => ({ ...p, byColumn: new Map(p.cells.map(c => [c.column, c])) }));
  return el(
    'section',
    { class: 'dcai-review-rows', 'aria-label': peers.length ? 'The row and its peers' : 'The row' },
    el(
      'table',
      {},
      peers.length > 0 && showHead(card.peers),
      el(
        'tbody',
        {},
        showLabels(card),
        ...inOrder(card).map(cell =>
          el(
            'tr',
            { class: classes(cell.column === card.finding.column && 'is-found') },
            el('th', { scope: 'row', title: toLine(cell.column, 200) }, showText(toLine(cell.column, 60))),
            el('td', {}, showOwnCell(cell), editButton(cell, onEdit)),
            ...peers.map(p => showPeerCell(cell, p.byColumn.get(cell.column)))
          )
        )
      )
    )
  );
}

function showHead(peers: ShownRow[]): HTMLElement {
  return el(
    'thead',
    {},
    el(
      'tr',
      {},
      el('td'),
      el('th', { scope: 'col' }, 'This row'),
      ...peers.map(p =>
        el(
          'th',
          { scope: 'col' },
          `Row ${p.row.toLocaleString('en-US')}`,
          p.how && el('span', { class: 'dcai-review-faint dcai-review-how' }, ` ${p.how}`)
        )
      )
    )
  );
}

/** The labels, above the cells; the row's own is shown elsewhere where it is what the finding is about. */
function showLabels(card: Card): HTMLElement | null {
  const own = card.label ?? (isLabel(card) ? card.finding.given : null);
  // A blind review shows the labels of other rows only once the row is decided.
  const others = card.peers.some(p => p.label !== null);
  if (!others && (isLabel(card) || own === null)) {
    return null;
  }
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, isLabel(card) ? showText(toLine(card.finding.column ?? '', 60)) : 'label'),
    el('td', {}, own === null ? '' : el('span', { class: 'dcai-review-pill' }, showValue(own, 200))),
    ...card.peers.map(p => {
      const other = others && own !== null && p.label !== own;
      return el(
        'td',
        { class: classes(other && 'is-different') },
        others && el('span', { class: 'dcai-review-pill' }, showValue(p.label, 200))
      );
    })
  );
}

/** A peer's cell; what differs is set apart where that helps: not in texts that have little in common. */
function showPeerCell(own: Cell, cell: Cell | undefined): HTMLElement {
  if (!cell || cell.text === own.text || cell.kind !== 'text') {
    return el('td', { class: classes(cell && cell.text !== own.text && 'is-different') }, cell && showCell(cell));
  }
  const changes = compare(own.text, cell.text);
  const common = changes.reduce((sum, c) => sum + (c.kind === 'same' ? c.text.length : 0), 0);
  const similar = common * 2 > Math.max(own.text.length, cell.text.length);
  return el('td', {}, similar ? el('div', { class: 'dcai-review-cell' }, showSide(changes, 'in')) : showCell(cell));
}

/** The cells, the doubted one first. */
function inOrder({ cells, finding }: Card): Cell[] {
  const found = (cell: Cell) => cell.column === finding.column;
  return [...cells.filter(found), ...cells.filter(cell => !found(cell))];
}

/** A cell of the row itself, beside how its column spreads. */
function showOwnCell(cell: Cell): HTMLElement {
  return cell.spread
    ? el('div', { class: 'dcai-review-measured' }, showCell(cell), showSpread(cell.spread, cell.text))
    : showCell(cell);
}

function showCell(cell: Cell): HTMLElement {
  if (cell.kind === 'image' && IMAGE.test(cell.text)) {
    return el('img', { class: 'dcai-review-image', src: cell.text, alt: `Image in ${toLine(cell.column, 60)}` });
  }
  if (cell.kind === 'audio' && SOUND.test(cell.text)) {
    return el('audio', {
      class: 'dcai-review-audio',
      controls: true,
      preload: 'metadata',
      src: cell.text,
      'aria-label': `Sound in ${toLine(cell.column, 60)}`,
      [NAME]: `sound ${cell.column}`
    });
  }
  const text = cell.text === '' ? showValue('') : (showLink(cell) ?? showText(cell.text));
  return el(
    'div',
    {
      class: classes('dcai-review-cell', cell.kind === 'number' && 'is-number'),
      tabindex: cell.text.length > 400 ? 0 : null,
      [NAME]: `cell ${cell.column}`
    },
    text,
    cell.cut && el('span', { class: 'dcai-review-faint' }, ' … (cut for display)')
  );
}

function showLink(cell: Cell): HTMLElement | null {
  if (cell.cut || cell.kind === 'masked' || !LINK.test(cell.text) || !URL.canParse(cell.text)) {
    return null;
  }
  return el(
    'a',
    { href: cell.text, target: '_blank', rel: 'noopener noreferrer nofollow', [NAME]: `link ${cell.column}` },
    showText(cell.text)
  );
}

function editButton(cell: Cell, onEdit: (column: string) => void): HTMLElement | null {
  if (cell.kind === 'image' || cell.kind === 'audio') {
    return null;
  }
  const node = el(
    'button',
    {
      type: 'button',
      class: 'dcai-review-edit',
      tabindex: -1,
      [NAME]: `edit ${cell.column}`,
      'aria-label': `Edit ${toLine(cell.column, 60)}`
    },
    'edit'
  );
  node.addEventListener('click', () => onEdit(cell.column));
  return node;
}
