import { Button, Modal, Select, TextInput } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { AuditEntry } from '../../api/model';
import { type Column, DataTable } from '../../components/datatable';
import { HostText } from '../../components/hosttext';
import { KeyValue } from '../../components/keyvalue';
import { EmptyState, ErrorState } from '../../components/states';
import { fold, visible } from '../../text/safe';
import { clock, date, exactTime, lookBacks, since, zone } from '../../text/time';
import { useAuditLog } from './data';
import css from './settings.module.css';

const kinds: Record<string, string> = {
  'alert.*': 'Work on alerts', 'evidence.*': 'Reads of evidence', 'session.*': 'Signing in and out', 'user.*': 'Users', 'token.*': 'API tokens', 'enroll_token.*': 'Enrolment tokens',
  'host.*': 'Hosts', 'policies.*': 'Policies', 'settings.*': 'Settings', 'rules.*': 'Rules', 'backup.*': 'Backups', 'view.*': 'Saved views', 'request.refused': 'Refused requests',
};

const names = ['actor', 'action', 'object', 'since'] as const;
type View = Record<(typeof names)[number], string>;

const short = (text: string) => visible(fold(text, 300));

const columns = (open: (e: AuditEntry) => void): Column<AuditEntry>[] => [
  {
    key: 'time',
    title: `Time (${zone()})`,
    width: '162px',
    narrow: '96px',
    render: (e) => (
      <time dateTime={e.time} title={exactTime(e.time)} className={css.clock}>
        <span className={css.wide}>{date(e.time).slice(0, 5)}</span>
        {date(e.time).slice(5)} {clock(e.time).slice(0, 5)}
        <span className={css.wide}>{clock(e.time).slice(5, 8)}</span>
      </time>
    ),
  },
  { key: 'actor', title: 'Who', width: 'minmax(90px, 150px)', narrow: '76px', render: (e) => short(e.owner || e.actor) },
  {
    key: 'action',
    title: 'What',
    width: 'minmax(110px, 170px)',
    narrow: 'minmax(0, 1fr)',
    render: (e) => (
      <a
        href={`#${e.uid}`}
        onClick={(ev) => {
          ev.preventDefault();
          open(e);
        }}
      >
        {short(e.action)}
      </a>
    ),
  },
  { key: 'outcome', title: 'Outcome', width: '78px', from: 'medium', render: (e) => <span data-outcome={e.outcome} className={css.outcome}>{short(e.outcome)}</span> },
  { key: 'object', title: 'To what', width: 'minmax(0, 1fr)', from: 'medium', render: (e) => <span className="hf-mono">{short(e.object)}</span> },
  { key: 'detail', title: 'Detail', width: 'minmax(0, 1.6fr)', from: 'wide', render: (e) => <span className="hf-mono">{short(e.detail)}</span> },
  { key: 'address', title: 'From', width: 'minmax(80px, 130px)', from: 'wide', render: (e) => short(e.address) },
];

/** AuditLog lists who did what, newest first. The URL holds the filters. */
export function AuditLog() {
  const [search, setSearch] = useSearchParams();
  const address = search.toString();
  const view = useMemo(() => {
    const query = new URLSearchParams(address);
    return Object.fromEntries(names.map((n) => [n, (query.get(n) ?? '').trim().slice(0, 128)])) as View;
  }, [address]);
  const set = useCallback(
    (change: Partial<View>) => setSearch(new URLSearchParams(Object.entries({ ...view, ...change }).filter(([, v]) => v !== '')), { replace: true }),
    [setSearch, view],
  );
  const query = useMemo(() => {
    const from = since(view.since, Date.now());
    return { ...(view.actor ? { actor: view.actor } : {}), ...(view.action ? { action: view.action } : {}), ...(view.object ? { object: view.object } : {}), ...(from ? { since: from } : {}) };
  }, [view]);
  const log = useAuditLog(query);
  const rows = useMemo(() => log.data?.pages.flatMap((p) => p.items) ?? [], [log.data]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [shown, setShown] = useState<AuditEntry | null>(null);
  const cols = useMemo(() => columns(setShown), []);
  const onEnd = useCallback(() => {
    if (log.hasNextPage && !log.isFetchingNextPage) void log.fetchNextPage();
  }, [log]);
  const action = view.action === '' || view.action in kinds ? [] : [{ value: view.action, label: view.action }];
  return (
    <div className={css.audit}>
      <div className={css.filters} role="search">
        <Text label="Who" value={view.actor} onValue={(actor) => set({ actor })} />
        <Select aria-label="What" w={170} value={view.action} allowDeselect={false} onChange={(v) => set({ action: v ?? '' })} data={[{ value: '', label: 'Everything' }, ...action, ...Object.entries(kinds).map(([value, label]) => ({ value, label }))]} />
        <Text label="To what (uid or name)" value={view.object} onValue={(object) => set({ object })} />
        <Select aria-label="Time" w={142} value={Object.hasOwn(lookBacks, view.since) ? view.since : ''} allowDeselect={false} onChange={(v) => set({ since: v ?? '' })} data={[{ value: '', label: 'Any time' }, ...Object.entries(lookBacks).map(([value, { label }]) => ({ value, label }))]} />
        <Button variant="default" leftSection={<IconRefresh size={15} aria-hidden />} loading={log.isRefetching} onClick={() => void log.refetch()}>
          Look again
        </Button>
      </div>
      {log.isError && rows.length === 0 ? (
        <ErrorState error={log.error} retry={() => void log.refetch()} />
      ) : (
        <DataTable
          label="Audit log"
          columns={cols}
          rows={rows}
          id={(e) => String(e.uid)}
          name={(e) => e.action}
          rowHeight={34}
          onOpen={setShown}
          cursor={cursor}
          onCursor={setCursor}
          onEnd={onEnd}
          loading={log.isPending}
          loadingMore={log.isFetchingNextPage}
          empty={<EmptyState title="No entry fits" text="Take a filter away, or look further back. Names and uids have to be whole." />}
        />
      )}
      <Modal opened={shown !== null} onClose={() => setShown(null)} title={shown ? short(shown.action) : ''} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {shown && <Entry entry={shown} />}
      </Modal>
    </div>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const text = (value: string) => value && <HostText text={value} mono />;
  return <KeyValue items={[['Time', exactTime(entry.time)], ['Who', text(entry.owner ? `${entry.owner} by ${entry.actor}` : entry.actor)], ['From', text(entry.address)], ['Outcome', text(entry.outcome)], ['To what', text(entry.object)], ['Detail', text(entry.detail)], ['Number', entry.uid]]} />;
}

const pause = 350; // milliseconds after the last key before the list follows

function Text({ label, value, onValue }: { label: string; value: string; onValue: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed.trim() === value) return;
    const timer = setTimeout(() => onValue(typed.trim()), pause);
    return () => clearTimeout(timer);
  }, [typed, value, onValue]);
  return <TextInput type="search" aria-label={label} placeholder={label} w={170} maxLength={128} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} />;
}
