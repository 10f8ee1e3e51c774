import { ActionIcon, Drawer, Skeleton, Tooltip } from '@mantine/core';
import { IconCopy, IconFilter, IconFilterOff } from '@tabler/icons-react';
import { Link } from 'react-router';
import { type HuntAnswer, type HuntColumn, useHuntEvent } from '../../api/hunt';
import { CopyButton } from '../../components/copy';
import { EventDetail } from '../../components/eventdetail';
import { HostText } from '../../components/hosttext';
import { ErrorState } from '../../components/states';
import { cellText, filtered, literal } from '../../text/hunt';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { useToast } from '../../components/toast';
import css from './hunt.module.css';

interface Props {
  answer: HuntAnswer;
  index: number;
  query: string;
  /** Puts a query into the box. */
  onQuery: (query: string) => void;
  onClose: () => void;
}

/** RowDrawer shows all of a row; where it is an event, that event with the process that did it. */
export function RowDrawer({ answer, index, query, onQuery, onClose }: Props) {
  const row = answer.rows[index] ?? [];
  const ref = answer.events ? answer.refs[index] : undefined;
  return (
    <Drawer opened onClose={onClose} position="right" size="xl" title={`Row ${exact(index + 1)}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      {ref && (
        <p className={css.links}>
          <Link to={`/hosts/${encodeURIComponent(ref.host)}`}>Open the host</Link>
          <Around host={ref.host} time={ref.time} />
        </p>
      )}
      <dl className={css.values}>
        {answer.columns.map((c, i) => (
          <Value key={c.name} column={c} value={row[i]} query={query} onQuery={onQuery} />
        ))}
      </dl>
      <p className={css.links}>
        <CopyButton text={() => JSON.stringify(Object.fromEntries(answer.columns.map((c, i) => [c.name, row[i]])), null, 2)} label="Copy this row as JSON" words="Copy as JSON" />
      </p>
      {ref && <TheEvent reference={ref} />}
    </Drawer>
  );
}

/** Around leads to what else the host did then. */
function Around({ host, time }: { host: string; time: string }) {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return null;
  const address = new URLSearchParams({ q: `events\n| where host == ${literal(host, 'text') ?? '""'}\n| sort by time asc`, since: new Date(at - 60_000).toISOString(), until: new Date(at + 60_000).toISOString() });
  return <Link to={`/hunt?${address}`}>What else the host did in this minute</Link>;
}

function Value({ column, value, query, onQuery }: { column: HuntColumn; value: unknown; query: string; onQuery: (query: string) => void }) {
  const toast = useToast();
  const text = cellText(value, column.type);
  const name = visible(fold(column.name, 100));
  const keep = filtered(query, column, value, true);
  const leave = filtered(query, column, value, false);
  const copy = () => navigator.clipboard.writeText(text).then(() => toast.say('Copied.'), () => toast.complain('The browser refused to copy.'));
  return (
    <div className={css.value}>
      <dt>{name}</dt>
      <dd>{text === '' ? <span className={css.nothing}>–</span> : <HostText text={text} mono foldAt={1200} />}</dd>
      <dd className={css.acts}>
        {keep && (
          <Tooltip label="Only rows with this value">
            <ActionIcon size="sm" aria-label={`Only rows with this ${name}`} onClick={() => onQuery(keep)}>
              <IconFilter size={14} />
            </ActionIcon>
          </Tooltip>
        )}
        {leave && (
          <Tooltip label="Without rows with this value">
            <ActionIcon size="sm" aria-label={`Without rows with this ${name}`} onClick={() => onQuery(leave)}>
              <IconFilterOff size={14} />
            </ActionIcon>
          </Tooltip>
        )}
        {text !== '' && (
          <Tooltip label="Copy">
            <ActionIcon size="sm" aria-label={`Copy ${name}`} onClick={() => void copy()}>
              <IconCopy size={14} />
            </ActionIcon>
          </Tooltip>
        )}
      </dd>
    </div>
  );
}

function TheEvent({ reference }: { reference: NonNullable<HuntAnswer['refs'][number]> }) {
  const event = useHuntEvent(reference);
  return (
    <section className={css.event} aria-label="The event">
      <h3>The event</h3>
      {event.isPending && <Skeleton height={160} />}
      {event.isError && <ErrorState error={event.error} retry={() => void event.refetch()} />}
      {event.data && (
        <>
          {event.data.process && (
            <p className={css.links}>
              <Link to={`/hosts/${encodeURIComponent(reference.host)}?tab=events&process=${encodeURIComponent(event.data.process.uid)}`}>All events of this process</Link>
            </p>
          )}
          <EventDetail event={event.data} />
        </>
      )}
    </section>
  );
}
