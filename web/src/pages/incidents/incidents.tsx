import { Button, Select } from '@mantine/core';
import { IconArrowUp, IconShieldCheck } from '@tabler/icons-react';
import { type Ref, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { type IncidentCounts, type IncidentSummary, givenStatuses, severities } from '../../api/model';
import { useHosts, useSession, useUsers } from '../../api/queries';
import { SeverityBadge, StatusBadge, severityNames, statusNames } from '../../components/badges';
import { DataTable, type TableHandle } from '../../components/datatable';
import { type Choice, FilterBar } from '../../components/filterbar';
import { useKeys } from '../../components/keyboard';
import { Page } from '../../components/page';
import { SavedViews } from '../../components/savedviews';
import { EmptyState, ErrorState } from '../../components/states';
import { useToast } from '../../components/toast';
import { tacticLabel, tacticNames } from '../../text/attack';
import { type Facet, type IncidentView, type Order, narrowed, parse, queryString, request, toggled } from '../../text/incidents';
import { exact, plural } from '../../text/numbers';
import { lookBacks } from '../../text/time';
import { columns } from './columns';
import { useIncidentCounts, useIncidentList } from './data';
import css from './incidents.module.css';

const readyViews = [
  { name: 'Open, worst first', query: 'status=open,acknowledged&order=-severity' },
  { name: 'Open and nobody’s', query: 'status=open&assignee=-' },
  { name: 'Highest score, last 7 days', query: 'since=7d&order=-score' },
];

/** Component is the page of incidents: what belongs to one attack, worst or newest first. */
export function Component() {
  const [search, setSearch] = useSearchParams();
  const address = search.toString();
  const view = useMemo(() => parse(new URLSearchParams(address)), [address]);
  // Times that look back are fixed when the view changes, not with every draw.
  const query = useMemo(() => request(view, Date.now()), [view]);
  const set = useCallback((next: IncidentView) => setSearch(new URLSearchParams(queryString(next)), { replace: true }), [setSearch]);
  return <Incidents key={view.order} view={view} query={query} set={set} />;
}

interface Props {
  view: IncidentView;
  query: ReturnType<typeof request>;
  set: (view: IncidentView) => void;
}

function Incidents({ view, query, set }: Props) {
  const table = useRef<TableHandle>(null);
  const searchBox = useRef<HTMLInputElement>(null);
  const calm = () => (table.current?.atTop() ?? true) && !document.querySelector('[role="dialog"]');
  const { list, rows, live } = useIncidentList(query, view.order, calm);
  const counts = useIncidentCounts(query);
  const [cursor, setCursor] = useState<string | null>(null);
  const navigate = useNavigate();
  const toast = useToast();
  const open = useCallback((i: IncidentSummary) => void navigate(`/incidents/${i.uid}`), [navigate]);
  const onEnd = useCallback(() => {
    if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
  }, [list]);
  const reload = () => {
    live.reload().then(() => table.current?.top(), toast.complain);
  };
  const address = queryString(view);
  useEffect(() => {
    // Another view begins at its top.
    setCursor(null);
    table.current?.top();
  }, [address]);
  const move = (by: number) => () => table.current?.move(by);
  useKeys({ j: move(1), ArrowDown: move(1), k: move(-1), ArrowUp: move(-1), PageDown: move(15), PageUp: move(-15), '/': () => searchBox.current?.focus(), r: reload });

  return (
    <Page title="Incidents" fill actions={<SavedViews page="incidents" ready={readyViews} query={address} onOpen={(q) => set(parse(new URLSearchParams(q)))} />}>
      <Filters view={view} set={set} searchRef={searchBox} />
      <div className={css.strip}>
        <Totals counts={counts.data} view={view} set={set} />
        {live.waiting > 0 && (
          <Button className={css.waiting ?? ''} radius="xl" leftSection={<IconArrowUp size={14} aria-hidden />} onClick={reload}>
            {plural(live.waiting, 'new incident')}
          </Button>
        )}
      </div>
      {list.isError && rows.length === 0 ? (
        <ErrorState error={list.error} retry={() => void list.refetch()} />
      ) : (
        <DataTable
          ref={table}
          label="Incidents"
          columns={columns}
          rows={rows}
          total={counts.data?.total}
          id={(i) => i.uid}
          name={(i) => i.title}
          rowHeight={50}
          order={view.order}
          onOrder={(order) => set({ ...view, order: order as Order })}
          onOpen={open}
          cursor={cursor}
          onCursor={setCursor}
          onEnd={onEnd}
          loading={list.isPending}
          loadingMore={list.isFetchingNextPage}
          dim={(i) => i.status === 'resolved' || i.status === 'dismissed'}
          fresh={live.fresh}
          empty={<Nothing view={view} set={set} />}
        />
      )}
      <div className={css.foot} aria-live="polite">
        {list.isError && rows.length > 0 && <span className={css.bad}>{list.error.message} </span>}
        {rows.length > 0 && `${exact(rows.length)} of ${counts.data ? plural(Math.max(counts.data.total, rows.length), 'incident') : '…'} loaded`}
      </div>
    </Page>
  );
}

function Filters({ view, set, searchRef }: Omit<Props, 'query'> & { searchRef: Ref<HTMLInputElement> }) {
  const hosts = useHosts();
  const users = useUsers();
  const me = useSession().data?.user.name;
  const choices = useMemo((): Choice[] => {
    const people = new Set([...(me ? [me] : []), ...(users.data?.items.map((u) => u.name) ?? [])]);
    return [
      { key: 'status', label: 'Status', values: view.status, options: givenStatuses.map((s) => ({ value: s, label: statusNames[s], mark: <StatusBadge status={s} /> })) },
      { key: 'severity', label: 'Severity', values: view.severity, options: severities.map((s) => ({ value: s, label: severityNames[s], mark: <SeverityBadge severity={s} /> })) },
      { key: 'host', label: 'Host', values: view.host, free: true, options: (hosts.data?.items ?? []).map((h) => ({ value: h.uid, label: h.name || h.uid })) },
      { key: 'tactic', label: 'Tactic', values: view.tactic, options: tacticNames.map((t) => ({ value: t, label: tacticLabel(t) })) },
      {
        key: 'assignee', label: 'Assignee', values: view.assignee, free: true,
        options: [{ value: '-', label: 'Nobody' }, ...[...people].map((p) => ({ value: p, label: p === me ? `${p} (me)` : p }))],
      },
    ];
  }, [hosts.data, me, users.data, view]);
  return (
    <FilterBar
      searchRef={searchRef}
      text={view.text}
      placeholder="Search title, host"
      onText={(text) => set({ ...view, text })}
      choices={choices}
      onToggle={(facet, value) => set(toggled(view, facet as Facet, value))}
      onClear={narrowed(view) ? () => set({ ...parse(new URLSearchParams()), order: view.order }) : undefined}
    >
      <Select
        aria-label="Time"
        w={142}
        value={view.since in lookBacks || view.since === '' ? view.since : 'other'}
        onChange={(v) => set({ ...view, since: v === 'other' ? view.since : (v ?? ''), until: '' })}
        data={[
          { value: '', label: 'Any time' },
          ...Object.entries(lookBacks).map(([value, { label }]) => ({ value, label })),
          ...(view.since !== '' && !(view.since in lookBacks) ? [{ value: 'other', label: 'As in the link' }] : []),
        ]}
        allowDeselect={false}
        comboboxProps={{ width: 160 }}
      />
    </FilterBar>
  );
}

/** Totals are the numbers by severity; a click narrows to one. */
function Totals({ counts, view, set }: { counts: IncidentCounts | undefined } & Omit<Props, 'query'>) {
  if (!counts) return <span className={css.total}>Counting…</span>;
  return (
    <>
      <span className={css.total}>{plural(counts.total, 'incident')}</span>
      {severities.map((s) => (
        <button key={s} type="button" className={css.severity} aria-pressed={view.severity.includes(s)} onClick={() => set(toggled(view, 'severity', s))}>
          <SeverityBadge severity={s} /> {exact(counts.by_severity[s] ?? 0)}
        </button>
      ))}
    </>
  );
}

function Nothing({ view, set }: Omit<Props, 'query'>) {
  const icon = <IconShieldCheck size={30} stroke={1.4} aria-hidden />;
  const onlyOpen = view.status.length > 0 && view.status.every((s) => s === 'open' || s === 'acknowledged') && !narrowed({ ...view, status: [] });
  if (onlyOpen) {
    return <EmptyState icon={icon} title="Nothing is open" text={<>Every incident is dealt with, or none came up yet. <Link to="/alerts">All alerts</Link></>} />;
  }
  if (narrowed(view)) {
    return (
      <EmptyState
        title="No incident fits these filters"
        text="Take one away, look further back, or start anew."
        action={
          <Button variant="default" onClick={() => set({ ...parse(new URLSearchParams()), order: view.order })}>
            Clear all filters
          </Button>
        }
      />
    );
  }
  return <EmptyState icon={icon} title="No incidents yet" text={<>Alerts that belong to one attack are joined here as they come in. <Link to="/simulation">Simulate an attack</Link> to see one.</>} />;
}
