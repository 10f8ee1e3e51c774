import { Checkbox, Skeleton } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type CSSProperties, type MouseEvent, type ReactNode, type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef } from 'react';
import css from './datatable.module.css';

/** Column is a column of a [DataTable]. */
export interface Column<T> {
  key: string;
  title: string;
  /** A track of a CSS grid: "120px", "minmax(200px, 2fr)". */
  width: string;
  align?: 'right';
  /** Its track where the table is narrow. */
  narrow?: string;
  /** Shown only where the table is at least so wide. */
  from?: 'medium' | 'wide';
  /** Orders that a click on the title switches between, the first one first; there may be only one. */
  orders?: readonly [string, string?];
  render: (row: T) => ReactNode;
}

/** Handle lets a page move through the table. */
export interface TableHandle {
  /** move focuses the row that many further down, or up. */
  move: (by: number) => void;
  top: () => void;
  /** atTop reports whether nothing would be pushed out of sight by rows put first. */
  atTop: () => boolean;
}

interface Props<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  /** All there are, loaded or not; NaN where nobody has counted them. */
  total?: number | undefined;
  id: (row: T) => string;
  /** What the checkbox of a row is called. */
  name: (row: T) => string;
  rowHeight: number;
  order?: string;
  onOrder?: (order: string) => void;
  onOpen?: (row: T) => void;
  selected?: ReadonlySet<string>;
  onSelect?: (id: string, extend: boolean) => void;
  onSelectAll?: () => void;
  cursor: string | null;
  onCursor: (id: string | null) => void;
  /** Called when the end comes into sight. */
  onEnd?: () => void;
  loading?: boolean;
  loadingMore?: boolean;
  dim?: (row: T) => boolean;
  fresh?: ReadonlySet<string>;
  /** Instead of rows when there are none. */
  empty?: ReactNode;
  ref?: Ref<TableHandle>;
}

/**
 * DataTable draws only the rows in sight, so that a list may have any length.
 * Each row's first link takes the focus when the cursor comes to it; arrow
 * keys move it.
 */
export function DataTable<T>(props: Props<T>) {
  const { rows, columns, id, rowHeight, cursor, onCursor, onEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const wanted = useRef<string | null>(null);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 12 });
  const items = virtual.getVirtualItems();
  const lastSeen = items.at(-1)?.index ?? -1;

  useEffect(() => {
    if (rows.length > 0 && lastSeen >= rows.length - 30) onEnd?.();
  }, [lastSeen, rows.length, onEnd]);

  const move = (by: number) => {
    if (rows.length === 0) return;
    const at = cursor === null ? -1 : rows.findIndex((r) => id(r) === cursor);
    const next = Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by));
    const row = rows[next];
    if (row === undefined) return;
    wanted.current = id(row);
    virtual.scrollToIndex(next);
    onCursor(id(row));
  };
  useImperativeHandle(props.ref, () => ({
    move,
    top: () => virtual.scrollToIndex(0),
    atTop: () => (scroller.current?.scrollTop ?? 0) < 8,
  }));

  // The row may only be drawn after it was scrolled into sight.
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(wanted.current)}"] a[href]`);
    if (row) {
      wanted.current = null;
      row.focus({ preventScroll: true });
    }
  });

  const tracks = (from?: 'medium' | 'wide') => [props.onSelect ? '34px' : '', ...columns.filter((c) => shows(c, from)).map((c) => (from ? c.width : (c.narrow ?? c.width)))].join(' ').trim();
  const style = { '--narrow': tracks(), '--medium': tracks('medium'), '--wide': tracks('wide') } as CSSProperties;
  return (
    <div className={css.table} role="table" aria-label={props.label} aria-rowcount={Number.isNaN(props.total) ? -1 : (props.total ?? rows.length) + 1} aria-busy={props.loading || undefined} style={style}>
      <div role="rowgroup" className={css.head}>
        <div role="row" aria-rowindex={1} className={css.row}>
          {props.onSelect && (
            <div role="columnheader" className={css.check}>
              <Checkbox
                aria-label="Select all loaded"
                checked={rows.length > 0 && props.selected?.size === rows.length}
                indeterminate={(props.selected?.size ?? 0) > 0 && props.selected?.size !== rows.length}
                onChange={() => props.onSelectAll?.()}
              />
            </div>
          )}
          {columns.map((c) => (
            <Header key={c.key} column={c} order={props.order} onOrder={props.onOrder} />
          ))}
        </div>
      </div>
      <div ref={scroller} className={css.scroller} role="rowgroup" tabIndex={rows.length === 0 ? 0 : -1}>
        {props.loading && <Loading rowHeight={rowHeight} />}
        {!props.loading && rows.length === 0 && (
          <div role="row">
            <div role="cell">{props.empty}</div>
          </div>
        )}
        <div role="presentation" className={css.space} style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            return row === undefined ? null : <Row key={id(row)} {...props} row={row} index={item.index} top={item.start} />;
          })}
        </div>
        {props.loadingMore && (
          <div role="row" className={css.more}>
            <div role="cell">Loading more…</div>
          </div>
        )}
      </div>
    </div>
  );
}

function shows(column: { from?: 'medium' | 'wide' }, at?: 'medium' | 'wide'): boolean {
  return column.from === undefined || at === 'wide' || (at === 'medium' && column.from === 'medium');
}

function Header<T>({ column, order, onOrder }: { column: Column<T>; order: string | undefined; onOrder: ((order: string) => void) | undefined }) {
  const [first, second] = column.orders ?? [];
  const active = order !== undefined && (order === first || order === second);
  const down = order?.startsWith('-');
  const sorted = active ? (down ? 'descending' : 'ascending') : 'none';
  return (
    <div role="columnheader" className={css.title} data-align={column.align} data-from={column.from} data-squeezed={Number.parseFloat(column.narrow ?? '') < 60 || undefined} {...(first ? { 'aria-sort': sorted } : {})}>
      {first && onOrder ? (
        <button type="button" className={css.sort} onClick={() => onOrder(order === first && second ? second : first)}>
          {column.title}
          {active && (down ? <IconArrowDown size={13} aria-hidden /> : <IconArrowUp size={13} aria-hidden />)}
        </button>
      ) : (
        column.title
      )}
    </div>
  );
}

type RowProps<T> = Props<T> & { row: T; index: number; top: number };

function Row<T>({ row, index, top, columns, id, name, rowHeight, cursor, onCursor, onOpen, selected, onSelect, dim, fresh }: RowProps<T>) {
  const key = id(row);
  const open = (e: MouseEvent) => {
    // Links, boxes and selected text are for themselves.
    if (e.defaultPrevented || (e.target as Element).closest('a, button, input, label') || window.getSelection()?.toString()) return;
    onOpen?.(row);
  };
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      data-row={key}
      className={css.row}
      data-cursor={cursor === key || undefined}
      data-selected={selected?.has(key) || undefined}
      data-dim={dim?.(row) || undefined}
      data-fresh={fresh?.has(key) || undefined}
      data-opens={onOpen ? true : undefined}
      style={{ height: rowHeight, transform: `translateY(${top}px)` }}
      onClick={open}
      onFocus={() => onCursor(key)}
    >
      {onSelect && (
        <div role="cell" className={css.check}>
          <Checkbox
            aria-label={`Select ${name(row)}`}
            checked={selected?.has(key) ?? false}
            onChange={() => {}}
            onClick={(e) => onSelect(key, e.shiftKey)}
          />
        </div>
      )}
      {columns.map((c) => (
        <div key={c.key} role="cell" className={css.cell} data-align={c.align} data-from={c.from}>
          {c.render(row)}
        </div>
      ))}
    </div>
  );
}

function Loading({ rowHeight }: { rowHeight: number }) {
  return (
    <div role="row">
      <div role="cell" className={css.loading}>
        <span className="hf-hidden">Loading</span>
        {Array.from({ length: 14 }, (_, i) => (
          <Skeleton key={i} height={12} my={(rowHeight - 12) / 2} width={`${94 - ((i * 17) % 38)}%`} />
        ))}
      </div>
    </div>
  );
}
