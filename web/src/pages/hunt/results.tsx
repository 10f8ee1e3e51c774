import { useVirtualizer } from '@tanstack/react-virtual';
import { type CSSProperties, type KeyboardEvent, memo, useMemo, useRef, useState } from 'react';
import type { HuntAnswer, HuntColumn } from '../../api/hunt';
import { cellText, widthOf } from '../../text/hunt';
import { fold, visible } from '../../text/safe';
import css from './hunt.module.css';

const rowHeight = 30;
const right = new Set<HuntColumn['type']>(['int', 'real']);

interface Props {
  answer: HuntAnswer;
  opened: number | null;
  onOpen: (row: number) => void;
}

/**
 * Results is a table with the columns that the query gave it. Only the rows in
 * sight are drawn; what is wider than the page scrolls. Arrow keys go from row
 * to row, Enter opens one.
 */
export function Results({ answer, opened, onOpen }: Props) {
  const { columns, rows } = answer;
  const scroller = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 12 });
  const widths = useMemo(() => columns.map((c, i) => widthOf(c, rows, i)), [columns, rows]);
  const tracks = useMemo(() => `48px ${widths.map((w, i) => (i === widths.length - 1 ? `minmax(${w}px, 1fr)` : `${w}px`)).join(' ')}`, [widths]);
  const style = { '--tracks': tracks, minWidth: 60 + widths.reduce((a, b) => a + b + 12, 0) } as CSSProperties;
  const move = (e: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -rows.length, End: rows.length }[e.key];
    if (by === undefined) return;
    e.preventDefault();
    const next = Math.max(0, Math.min(rows.length - 1, at + by));
    setAt(next);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-row="${next}"] button`)?.focus({ preventScroll: true }));
  };
  return (
    <div ref={scroller} className={css.table} style={{ height: Math.min(rows.length, 18) * rowHeight + 52 }} role="table" aria-label="Rows" aria-rowcount={rows.length + 1} aria-colcount={columns.length + 1} onKeyDown={move}>
      <div role="rowgroup" className={css.titles} style={style}>
        <div role="row" aria-rowindex={1} className={css.row}>
          <div role="columnheader">
            <span className="hf-hidden">Row</span>
          </div>
          {columns.map((c) => (
            <div key={c.name} role="columnheader" title={c.type} data-right={right.has(c.type) || undefined}>
              {visible(fold(c.name, 100))}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" style={{ ...style, position: 'relative', height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => (
          <Row key={item.index} index={item.index} top={item.start} columns={columns} values={rows[item.index] ?? []} current={item.index === at} opened={item.index === opened} onOpen={onOpen} onFocus={setAt} />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  index: number;
  top: number;
  columns: readonly HuntColumn[];
  values: readonly unknown[];
  current: boolean;
  opened: boolean;
  onOpen: (row: number) => void;
  onFocus: (row: number) => void;
}

const Row = memo(function Row({ index, top, columns, values, current, opened, onOpen, onFocus }: RowProps) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      data-row={index}
      className={css.row}
      data-body
      data-opened={opened || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => window.getSelection()?.toString() === '' && onOpen(index)}
      onFocus={() => onFocus(index)}
    >
      <div role="cell">
        <button type="button" className={css.number} tabIndex={current ? 0 : -1} aria-label={`Open row ${index + 1}`}>
          {index + 1}
        </button>
      </div>
      {columns.map((c, i) => {
        const text = visible(fold(cellText(values[i], c.type), 300));
        return (
          <div key={c.name} role="cell" data-right={right.has(c.type) || undefined} title={text}>
            {text || <span className={css.nothing}>–</span>}
          </div>
        );
      })}
    </div>
  );
});
