import { memo, useMemo, useState } from 'react';
import { type Range, fold, pieces } from '../text/safe';
import { plural } from '../text/numbers';
import css from './hosttext.module.css';

/** More is never put on a page; "copy" has it all. */
const most = 64 * 1024;

/**
 * HostText shows a text that comes from a host: nothing in it can hide, turn
 * around or fake what is around it. Ranges in marks are highlighted. Texts
 * longer than foldAt are folded, with a button for the rest.
 */
export const HostText = memo(function HostText(props: { text: string; marks?: readonly Range[]; mono?: boolean; foldAt?: number }) {
  const { text, marks, mono, foldAt = 400 } = props;
  const [open, setOpen] = useState(false);
  const long = text.length > foldAt;
  const shown = long ? fold(text, open ? most : foldAt) : text;
  const parts = useMemo(() => pieces(shown, marks), [shown, marks]);
  return (
    <>
      <bdi className={css.text} data-mono={mono || undefined}>
        {parts.map((p, i) => {
          const content = p.escaped ? (
            <span key={i} className={css.escape} title={`A character that would not be seen as it is: ${p.escaped}`}>
              {p.text}
            </span>
          ) : (
            p.text
          );
          return p.marked ? <mark key={i}>{content}</mark> : content;
        })}
        {long && !open && '…'}
      </bdi>
      {long && (
        <button type="button" className={css.more} onClick={() => setOpen(!open)} aria-expanded={open}>
          {open ? 'Show less' : `Show all ${plural(text.length, 'character')}`}
        </button>
      )}
    </>
  );
});
