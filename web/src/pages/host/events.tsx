import { Button, Drawer, Select, Switch } from '@mantine/core';
import { IconFile, IconKey, IconNetwork, IconSettings2, IconTerminal2, IconUser, IconX } from '@tabler/icons-react';
import { useCallback, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import { type Column, DataTable } from '../../components/datatable';
import { EventDetail } from '../../components/eventdetail';
import { FilterBar } from '../../components/filterbar';
import { EmptyState, ErrorState } from '../../components/states';
import { sentence } from '../../text/events';
import { fold, visible } from '../../text/safe';
import { clock, date, exactTime, lookBacks, since, zone } from '../../text/time';
import { type Named, named, useEvents } from './data';
import { type EventView, classLabel, classes, parseEvents, writeEvents } from './eventview';
import css from './host.module.css';

const icons: Record<string, typeof IconFile> = {
  process_activity: IconTerminal2, file_activity: IconFile, network_activity: IconNetwork, authentication: IconKey, account_change: IconUser, group_management: IconUser,
};

const short = (text: string) => visible(fold(text, 400));

const columns = (open: (n: Named) => void): Column<Named>[] => [
  { key: 'time', title: `Time (${zone()})`, width: '142px', narrow: '92px', render: ({ event }) => <time dateTime={event.time} title={exactTime(event.time)} className={css.clock}><span>{date(event.time).slice(5)} </span>{clock(event.time)}</time> },
  {
    key: 'what',
    title: 'What happened',
    width: 'minmax(0, 1fr)',
    render: (n) => {
      const { actor, verb, object } = sentence(n.event);
      const Icon = icons[n.event.class_name] ?? IconSettings2;
      return (
        <a
          href="#event"
          className={css.what}
          onClick={(e) => {
            e.preventDefault();
            open(n);
          }}
        >
          <Icon size={15} stroke={1.6} aria-hidden />
          <span className={css.sentence}>
            <b>{short(actor)}</b> {verb} <span className="hf-mono">{short(object)}</span>
          </span>
        </a>
      );
    },
  },
  { key: 'class', title: 'Kind', width: '150px', from: 'wide', render: ({ event }) => classLabel(event.class_name) },
  { key: 'source', title: 'Seen by', width: '80px', from: 'wide', render: ({ event }) => short(event.source ?? '') },
];

/** Events lists what happened on the host, newest first. The URL holds what is chosen. */
export function Events({ host }: { host: string }) {
  const [search, setSearch] = useSearchParams();
  const address = search.toString();
  const view = useMemo(() => parseEvents(new URLSearchParams(address)), [address]);
  const set = useCallback((next: EventView) => setSearch(writeEvents(next), { replace: true, preventScrollReset: true }), [setSearch]);
  const onText = useCallback((text: string) => set({ ...view, text }), [set, view]);
  const query = useMemo(() => {
    const from = since(view.since, Date.now());
    return { ...(view.class.length > 0 ? { class: view.class } : {}), ...(view.text ? { text: view.text } : {}), ...(view.process ? { process: view.process } : {}), ...(from ? { since: from } : {}) };
  }, [view]);
  const events = useEvents(host, query, view.live);
  const rows = useMemo(() => named(events.data?.pages.flatMap((p) => p.items) ?? []), [events.data]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [shown, setShown] = useState<Named | null>(null);
  const cols = useMemo(() => columns(setShown), []);
  const onEnd = useCallback(() => {
    if (events.hasNextPage && !events.isFetchingNextPage) void events.fetchNextPage();
  }, [events]);
  const narrowed = view.class.length > 0 || view.text !== '' || view.process !== '' || view.since !== '';
  return (
    <div className={css.list}>
      <div className={css.tools}>
        <FilterBar
          text={view.text}
          placeholder="Search command line, file, user, address"
          onText={onText}
          choices={[{ key: 'class', label: 'Kind', values: view.class, options: classes.map((c) => ({ value: c, label: classLabel(c) })) }]}
          onToggle={(_, value) => set({ ...view, class: view.class.includes(value as never) ? view.class.filter((c) => c !== value) : [...view.class, value as never] })}
          onClear={narrowed ? () => set({ class: [], text: '', process: '', since: '', live: view.live }) : undefined}
        >
          <Select
            aria-label="Time"
            w={142}
            value={view.since}
            onChange={(v) => set({ ...view, since: v ?? '' })}
            data={[{ value: '', label: 'Any time' }, ...Object.entries(lookBacks).map(([value, { label }]) => ({ value, label }))]}
            allowDeselect={false}
            comboboxProps={{ width: 160 }}
          />
          {view.process && (
            <Button variant="default" rightSection={<IconX size={13} aria-hidden />} onClick={() => set({ ...view, process: '' })}>
              One process
            </Button>
          )}
          <Switch size="xs" label="Live" checked={view.live} onChange={(e) => set({ ...view, live: e.currentTarget.checked })} />
        </FilterBar>
      </div>
      {events.isError && rows.length === 0 ? (
        <ErrorState error={events.error} retry={() => void events.refetch()} />
      ) : (
        <DataTable
          label="Events"
          columns={cols}
          rows={rows}
          id={(n) => n.id}
          name={(n) => sentence(n.event).verb}
          rowHeight={34}
          onOpen={setShown}
          cursor={cursor}
          onCursor={setCursor}
          onEnd={onEnd}
          loading={events.isPending}
          loadingMore={events.isFetchingNextPage}
          empty={
            narrowed ? (
              <EmptyState title="No event fits these filters" text="Take one away, or look further back." />
            ) : (
              <EmptyState title="No events" text="The host has sent none yet, or retention has removed them. Its features, above, say whether its sensors run." />
            )
          }
        />
      )}
      <Drawer opened={shown !== null} onClose={() => setShown(null)} position="right" size="xl" title={shown ? exactTime(shown.event.time) : ''} closeButtonProps={{ 'aria-label': 'Close' }}>
        {shown && <EventDetail event={shown.event} />}
      </Drawer>
    </div>
  );
}
