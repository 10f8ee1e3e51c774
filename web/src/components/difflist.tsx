import { Fragment, useMemo } from 'react';
import { diff, hunks } from '../text/diff';
import { plural } from '../text/numbers';
import { visible } from '../text/safe';
import css from './difflist.module.css';

const signs = { same: '', added: '+', removed: '−' } as const;
const words = { same: '', added: 'added: ', removed: 'removed: ' } as const;

/** DiffList shows what a change made of a text. */
export function DiffList({ label, before, after }: { label: string; before: string; after: string }) {
  const lines = useMemo(() => diff(before, after), [before, after]);
  const parts = useMemo(() => hunks(lines), [lines]);
  if (parts.length === 0) return <p className={css.none}>The texts are the same.</p>;
  const changed = parts.reduce((n, h) => n + h.lines.length + h.skipped, 0);
  const rest = lines.length - changed;
  return (
    <ol className={css.diff} aria-label={label} tabIndex={0}>
      {parts.map((h, i) => (
        <Fragment key={i}>
          {h.skipped > 0 && <Skipped count={h.skipped} />}
          {h.lines.map((l) => (
            <li key={`${l.old} ${l.new}`} className={css.line} data-kind={l.kind}>
              <span className={css.number} aria-hidden="true">
                {l.old || ''}
              </span>
              <span className={css.number} aria-hidden="true">
                {l.new || ''}
              </span>
              <span aria-hidden="true">{signs[l.kind]}</span>
              <span className={css.text}>
                {words[l.kind] && <span className="hf-hidden">{words[l.kind]}</span>}
                {visible(l.text)}
              </span>
            </li>
          ))}
        </Fragment>
      ))}
      {rest > 0 && <Skipped count={rest} />}
    </ol>
  );
}

const Skipped = ({ count }: { count: number }) => <li className={css.skipped}>{plural(count, 'line')} without a change</li>;
