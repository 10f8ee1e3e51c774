import { Fragment, type ReactNode } from 'react';
import css from './keyvalue.module.css';

/** KeyValue lists labels with their values; rows whose value is empty are left out. */
export function KeyValue({ items }: { items: readonly (readonly [label: ReactNode, value: ReactNode])[] }) {
  return (
    <dl className={css.list}>
      {items.map(([label, value], i) =>
        value === undefined || value === null || value === '' || value === false ? null : (
          <Fragment key={i}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </Fragment>
        ),
      )}
    </dl>
  );
}
