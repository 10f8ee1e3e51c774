import type { ReactNode } from 'react';
import css from './plaintable.module.css';

/** PlainColumn is a column of a [PlainTable]. */
export interface PlainColumn<T> {
  key: string;
  title: string;
  /** The title is for screen readers alone: buttons need none. */
  quiet?: boolean;
  align?: 'right';
  render: (row: T) => ReactNode;
}

/** PlainTable is a short table, drawn whole; on narrow screens each row becomes a card, which the roles still call a row. The first column names it. */
export function PlainTable<T>({ label, columns, rows, id }: { label: string; columns: readonly PlainColumn<T>[]; rows: readonly T[]; id: (row: T) => string }) {
  return (
    <table role="table" className={css.table} aria-label={label}>
      <thead>
        <tr role="row">
          {columns.map((c) => (
            <th key={c.key} role="columnheader" scope="col" data-align={c.align}>
              <span className={c.quiet ? 'hf-hidden' : undefined}>{c.title}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr role="row" key={id(row)}>
            {columns.map((c, i) => {
              const cell = { 'data-align': c.align, 'data-title': c.quiet ? undefined : c.title, 'data-quiet': c.quiet };
              return i === 0 ? (
                <th key={c.key} role="rowheader" scope="row" {...cell}>
                  {c.render(row)}
                </th>
              ) : (
                <td key={c.key} role="cell" {...cell}>
                  {c.render(row)}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
