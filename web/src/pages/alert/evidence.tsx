import { IconChevronRight } from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import type { Alert, Event, Match } from '../../api/model';
import { CopyButton } from '../../components/copy';
import { HostText } from '../../components/hosttext';
import { KeyValue } from '../../components/keyvalue';
import { Panel } from '../../components/page';
import { type Row, rows, sentence } from '../../text/events';
import { matchRanges, merged } from '../../text/matches';
import { plural } from '../../text/numbers';
import type { Range } from '../../text/safe';
import { exactTime } from '../../text/time';
import css from './alert.module.css';

const firstShown = 10;

/** Evidence lists the events that matched, each with its values; those that made the rule fire are highlighted. */
export function Evidence({ alert }: { alert: Alert }) {
  const [all, setAll] = useState(false);
  const shown = all ? alert.evidence : alert.evidence.slice(0, firstShown);
  return (
    <Panel title="Evidence" hint={plural(alert.evidence.length, 'event')} flush>
      <ol className={css.evidence}>
        {shown.map((event, i) => (
          <Item key={i} event={event} number={i + 1} matches={alert.matches.filter((m) => m.event === i)} open={i === 0} />
        ))}
      </ol>
      {!all && alert.evidence.length > firstShown && (
        <button type="button" className={css.all} onClick={() => setAll(true)}>
          Show all {plural(alert.evidence.length, 'event')}
        </button>
      )}
    </Panel>
  );
}

function Item({ event, number, matches, open: first }: { event: Event; number: number; matches: Match[]; open: boolean }) {
  const [open, setOpen] = useState(first);
  const { actor, verb, object } = sentence(event);
  return (
    <li id={`evidence-${number}`} className={css.event}>
      <button type="button" className={css.eventHead} aria-expanded={open} onClick={() => setOpen(!open)}>
        <IconChevronRight size={14} aria-hidden />
        <span className={css.eventNumber}>{number}</span>
        <span className={css.eventWords}>
          <b>
            <HostText text={actor} foldAt={10_000} />
          </b>{' '}
          {verb} <HostText text={object.slice(0, 200)} mono foldAt={10_000} />
        </span>
        <span className={css.eventTime}>{exactTime(event.time)}</span>
      </button>
      {open && <Values event={event} matches={matches} />}
    </li>
  );
}

function Values({ event, matches }: { event: Event; matches: Match[] }) {
  const items = useMemo(
    () => rows(event).map((r): [string, ReactNode] => [r.label, <HostText key={r.label} text={r.value} marks={marksOf(r, matches)} mono />]),
    [event, matches],
  );
  return (
    <div className={css.values}>
      <KeyValue items={items} />
      <div className={css.eventFoot}>
        <CopyButton text={() => JSON.stringify(event, null, 2)} label="Copy this event as JSON" /> <span>Event as JSON</span>
      </div>
    </div>
  );
}

/** marksOf finds the parts of a value that satisfied the rule. A value that holds the matched one is searched for it. */
function marksOf(row: Row, matches: Match[]): Range[] {
  const found: Range[] = [];
  for (const m of matches) {
    if (!row.fields.includes(m.field)) continue;
    const at = m.value === '' ? -1 : row.value.indexOf(m.value);
    if (at >= 0) found.push(...matchRanges(m.value, m.condition).map(([a, b]): Range => [a + at, b + at]));
    else found.push(...matchRanges(row.value, m.condition));
  }
  return merged(found);
}
