import { SegmentedControl, Skeleton, Switch } from '@mantine/core';
import { IconFile, IconKey, IconNetwork, IconSettings2, IconTerminal2, IconUser } from '@tabler/icons-react';
import { useMemo } from 'react';
import { useSearchParams } from 'react-router';
import type { Alert, Event } from '../../api/model';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import { EmptyState, ErrorState } from '../../components/states';
import { sentence } from '../../text/events';
import { plural } from '../../text/numbers';
import { exactTime, offset } from '../../text/time';
import css from './alert.module.css';
import { useAround } from './data';
import { isNoise, nearest } from './nearest';

const widths = ['30', '120', '600'];
const most = 300;
const nothing: Event[] = [];

const icons: Record<string, typeof IconFile> = {
  process_activity: IconTerminal2, file_activity: IconFile, network_activity: IconNetwork, authentication: IconKey, account_change: IconUser, group_management: IconUser,
};

/** Timeline is what else happened on the host around the alert. */
export function Timeline({ alert }: { alert: Alert }) {
  const [query, setQuery] = useSearchParams();
  const asked = query.get('around') ?? '';
  const around = widths.includes(asked) ? asked : '120';
  const all = query.get('all') === '1';
  const found = useAround(alert, Number(around));
  const events = found.data?.events ?? nothing;
  const kept = useMemo(() => (all ? events : events.filter((e) => !isNoise(e))), [events, all]);
  const items = useMemo(() => nearest(kept, alert.time, most), [kept, alert.time]);
  const moment = momentOf(items, alert);
  const set = (change: Record<string, string | null>) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(change)) {
      if (value === null) next.delete(name);
      else next.set(name, value);
    }
    setQuery(next, { replace: true, preventScrollReset: true });
  };
  return (
    <Panel
      title="Around it on the host"
      hint={found.data && (found.data.more || items.length < kept.length ? `the ${items.length} nearest events` : plural(kept.length, 'event'))}
      flush
      aside={
        <div className={css.timelineTools}>
          <Switch size="xs" label="Forks and ends of processes" checked={all} onChange={(e) => set({ all: e.currentTarget.checked ? '1' : null })} />
          <SegmentedControl
            size="xs"
            aria-label="How far to look before and after"
            value={around}
            onChange={(v) => set({ around: v === '120' ? null : v })}
            data={[{ value: '30', label: '± 30 s' }, { value: '120', label: '± 2 min' }, { value: '600', label: '± 10 min' }]}
          />
        </div>
      }
    >
      {found.isPending && <Skeleton height={160} m={16} width="auto" />}
      {found.isError && <ErrorState error={found.error} retry={() => void found.refetch()} />}
      {found.data && kept.length === 0 && (
        <EmptyState
          title={events.length > 0 ? 'Only forks and ends of processes' : 'No telemetry of this time'}
          text={events.length > 0 ? 'Switch them on to see them.' : 'It may have been removed by retention, or not have arrived yet. The evidence above stays with the alert.'}
        />
      )}
      {items.length > 0 && (
        <ol key={`${around} ${all}`} className={css.timeline} ref={center} tabIndex={0} aria-label="Events around the alert">
          {items.map((e, i) => (
            <Line key={i} event={e} alert={alert} completes={i === moment} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

/** momentOf finds the event that completed the alert, or else the first after it. */
function momentOf(events: Event[], alert: Alert): number {
  const own = events.findIndex((e) => e.time === alert.time && e.process?.uid === alert.process?.uid);
  return own >= 0 ? own : events.findIndex((e) => Date.parse(e.time) >= Date.parse(alert.time));
}

/** center scrolls the list to the alert's own moment, without moving the page. */
function center(list: HTMLOListElement | null): void {
  const own = list?.querySelector<HTMLElement>('[data-completes]');
  if (list && own) list.scrollTop = own.offsetTop - list.clientHeight / 2;
}

function Line({ event, alert, completes }: { event: Event; alert: Alert; completes: boolean }) {
  const { actor, verb, object } = sentence(event);
  const Icon = icons[event.class_name] ?? IconSettings2;
  const own = event.process?.uid !== undefined && event.process.uid === alert.process?.uid;
  return (
    <li className={css.moment} data-own={own || undefined} data-completes={completes || undefined}>
      <time dateTime={event.time} title={exactTime(event.time)}>
        {completes ? 'the alert' : offset(event.time, alert.time)}
      </time>
      <Icon size={15} stroke={1.6} aria-hidden />
      <span className={css.momentWords}>
        <b>
          <HostText text={actor} foldAt={64} />
        </b>{' '}
        {verb} <HostText text={object} mono foldAt={180} />
        {own && <span className={css.ownMark}>acting process</span>}
      </span>
    </li>
  );
}
