import { SegmentedControl, Skeleton } from '@mantine/core';
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
import { useTimeline } from './data';

const widths = ['30', '120', '600'];
const most = 300;

const icons: Record<string, typeof IconFile> = {
  process_activity: IconTerminal2, file_activity: IconFile, network_activity: IconNetwork, authentication: IconKey, account_change: IconUser, group_management: IconUser,
};

/** Timeline is what else happened on the host around the alert. */
export function Timeline({ alert }: { alert: Alert }) {
  const [query, setQuery] = useSearchParams();
  const asked = query.get('around') ?? '';
  const around = widths.includes(asked) ? asked : '120';
  const events = useTimeline(alert.uid, Number(around));
  const items = useMemo(() => nearest(events.data?.items ?? [], alert.time), [events.data, alert.time]);
  return (
    <Panel
      title="Around it on the host"
      hint={events.data && plural(events.data.items.length, 'event')}
      flush
      aside={
        <SegmentedControl
          size="xs"
          aria-label="How far to look before and after"
          value={around}
          onChange={(v) => setQuery(v === '120' ? {} : { around: v }, { replace: true, preventScrollReset: true })}
          data={[{ value: '30', label: '± 30 s' }, { value: '120', label: '± 2 min' }, { value: '600', label: '± 10 min' }]}
        />
      }
    >
      {events.isPending && <Skeleton height={160} m={16} width="auto" />}
      {events.isError && <ErrorState error={events.error} retry={() => void events.refetch()} />}
      {events.data?.items.length === 0 && (
        <EmptyState title="No telemetry of this time" text="It may have been removed by retention, or not have arrived yet. The evidence above stays with the alert." />
      )}
      <ol className={css.timeline} ref={center} tabIndex={0} aria-label="Events around the alert">
        {items.map((e, i) => (
          <Line key={i} event={e} alert={alert} />
        ))}
      </ol>
      {events.data && events.data.items.length > most && <p className={css.note}>The nearest {most} are shown. Look closer, or open the host’s events.</p>}
    </Panel>
  );
}

/** center scrolls the list to the alert's own moment, without moving the page. */
function center(list: HTMLOListElement | null): void {
  const own = list?.querySelector<HTMLElement>('[data-completes]');
  if (list && own) list.scrollTop = own.offsetTop - list.clientHeight / 2;
}

/** nearest keeps so many events as can be looked at, those nearest to the alert, in order of time. */
function nearest(events: Event[], time: string): Event[] {
  if (events.length <= most) return events;
  const at = Date.parse(time);
  const distance = (e: Event) => Math.abs(Date.parse(e.time) - at);
  return [...events]
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, most)
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

function Line({ event, alert }: { event: Event; alert: Alert }) {
  const { actor, verb, object } = sentence(event);
  const Icon = icons[event.class_name] ?? IconSettings2;
  const own = event.process?.uid !== undefined && event.process.uid === alert.process?.uid;
  const completes = event.time === alert.time;
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
