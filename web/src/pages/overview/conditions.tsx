import { IconAlertTriangle } from '@tabler/icons-react';
import type { Overview } from '../../api/model';
import { conditionAdvice } from '../../text/conditions';
import { grouped, plural } from '../../text/numbers';
import { visible } from '../../text/safe';
import css from './conditions.module.css';

/** Conditions are what is wrong with the server now, with what to do about it. */
export function Conditions({ overview }: { overview: Overview | undefined }) {
  const conditions = overview?.conditions ?? [];
  return (
    <>
      {/* Their numbers change all the time: how many there are is what is read out. */}
      <div className="hf-hidden" role="status">
        {conditions.length > 0 && `${plural(conditions.length, 'warning')} of the server`}
      </div>
      {conditions.length > 0 && (
        <section className={css.box} id="warnings" aria-labelledby="warnings-title">
          <h2 id="warnings-title">The server itself needs you</h2>
          <ul className={css.list}>
            {conditions.map((c) => (
              <li key={c.code}>
                <IconAlertTriangle size={17} stroke={1.8} aria-hidden />
                <span>
                  {visible(grouped(c.text))} <code>{visible(c.code)}</code> <b>{conditionAdvice(c.code)}</b>
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
