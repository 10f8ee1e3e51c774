import { IconAlertTriangle } from '@tabler/icons-react';
import type { Overview } from '../../api/model';
import { visible } from '../../text/safe';
import css from './conditions.module.css';

/** Conditions are what is wrong with the server now, with what to do about it. */
export function Conditions({ overview }: { overview: Overview | undefined }) {
  const conditions = overview?.conditions ?? [];
  if (conditions.length === 0) return null;
  return (
    <div role="alert">
      <ul className={css.list}>
        {conditions.map((c) => (
          <li key={c.code}>
            <IconAlertTriangle size={17} stroke={1.8} aria-hidden />
            <span>
              {visible(c.text)} <code>{visible(c.code)}</code>
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
