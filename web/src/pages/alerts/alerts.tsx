import { ActionIcon, Button, Select, Tooltip } from '@mantine/core';
import { IconArrowUp, IconKeyboard, IconShieldCheck } from '@tabler/icons-react';
import { type Ref, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { type AlertCounts, type AlertSummary, type Severity, severities, statuses } from '../../api/model';
import { useHosts, useMay, useRules, useSession, useUsers } from '../../api/queries';
import { SeverityBadge, StatusBadge, severityNames, statusNames } from '../../components/badges';
import { Count } from '../../components/count';
import { DataTable, type TableHandle } from '../../components/datatable';
import { type Choice, FilterBar } from '../../components/filterbar';
import { useKeys } from '../../components/keyboard';
import { Page } from '../../components/page';
import { SavedViews } from '../../components/savedviews';
import { EmptyState, ErrorState } from '../../components/states';
import { useToast } from '../../components/toast';
import { tacticLabel, tacticNames } from '../../text/attack';
import { type AlertView, type Facet, type Order, narrowed, parse, queryString, request, toggled } from '../../text/filters';
import { atLeast, exact, first, plural } from '../../text/numbers';
import { lookBacks } from '../../text/time';
import css from './alerts.module.css';
import { BulkBar } from './bulk';
import { columns } from './columns';
import { type Change, useAlertCounts, useAlertList, useTriage } from './data';
import { KeyHelp } from './keyhelp';

/** Component is the page of alerts: filter, sort, triage one or many, without the mouse if one likes. */
export function Component() {
  const [search, setSearch] = useSearchParams();
  const address = search.toString();
  const view = useMemo(() => parse(new URLSearchParams(address)), [address]);
  // Times that look back are fixed when the view changes, not with every draw.
  const query = useMemo(() => request(view, Date.now()), [view]);
  const set = useCallback((next: AlertView) => setSearch(new URLSearchParams(queryString(next)), { replace: true }), [setSearch]);
  return <Alerts key={view.order} view={view} query={query} set={set} />;
}

const readyViews = [
  { name: 'Open, worst first', query: 'status=open,acknowledged&order=-severity' },
  { name: 'High and nobody’s', query: 'status=open&severity=high&assignee=-' },
  { name: 'Last 24 hours', query: 'since=24h' },
];

// Where somebody was in the list before opening an alert, to come back to.
const place = { query: '', cursor: null as string | null };

interface Props {
  view: AlertView;
  query: ReturnType<typeof request>;
  set: (view: AlertView) => void;
}

function Alerts({ view, query, set }: Props) {
  const table = useRef<TableHandle>(null);
  const chosen = useRef(0);
  const calm = () => chosen.current === 0 && (table.current?.atTop() ?? true) && !document.querySelector('[role="dialog"]');
  const { list, rows, key, live } = useAlertList(query, view.order, calm);
  const counts = useAlertCounts(query);
  const searchBox = useRef<HTMLInputElement>(null);
  const address = queryString(view);
  const [cursor, setCursor] = useState<string | null>(place.query === address ? place.cursor : null);
  const [help, setHelp] = useState(false);
  const selection = useSelection(rows);
  useEffect(() => {
    chosen.current = selection.chosen.size;
  }, [selection.chosen]);
  const toast = useToast();
  const reload = () => {
    live.reload().then(() => table.current?.top(), toast.complain);
  };
  const triage = useActions(key, view, rows, cursor, selection, reload, (by) => table.current?.move(by));
  const navigate = useNavigate();
  const open = useCallback((a: AlertSummary) => void navigate(`/alerts/${a.uid}`), [navigate]);
  const onEnd = useCallback(() => {
    if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
  }, [list]);

  // What is loaded may be more than what was counted of a text.
  const total = counts.data && atLeast(plural(Math.max(counts.data.total, rows.length), 'alert'), counts.data.at_least && list.hasNextPage);

  const shown = useRef(address);
  useEffect(() => {
    // Another view begins at its top.
    if (shown.current !== address) {
      shown.current = address;
      setCursor(null);
      table.current?.top();
    }
  }, [address]);
  useEffect(() => {
    Object.assign(place, { query: address, cursor });
  }, [address, cursor]);
  const restored = useRef(cursor === null);
  useEffect(() => {
    if (restored.current || rows.length === 0) return;
    restored.current = true;
    if (rows.some((r) => r.uid === cursor)) table.current?.move(0);
  }, [rows, cursor]);

  useKeys({
    j: () => table.current?.move(1),
    ArrowDown: () => table.current?.move(1),
    k: () => table.current?.move(-1),
    ArrowUp: () => table.current?.move(-1),
    PageDown: () => table.current?.move(15),
    PageUp: () => table.current?.move(-15),
    // The focus is on the row's link, unless something else took it.
    Enter: () => {
      const row = rows.find((r) => r.uid === cursor);
      if (!row || document.activeElement !== document.body) return false;
      open(row);
    },
    x: () => {
      if (cursor) selection.toggle(cursor, false);
    },
    X: () => {
      if (cursor) selection.toggle(cursor, true);
    },
    '*': selection.all,
    Escape: () => {
      if (selection.chosen.size === 0) return false;
      selection.clear();
    },
    a: () => triage.act({ status: 'acknowledged' }),
    e: () => triage.act({ status: 'resolved' }),
    d: () => triage.act({ status: 'dismissed' }),
    o: () => triage.act({ status: 'open' }),
    m: () => triage.act({ assignee: triage.me }),
    u: () => triage.act({ assignee: '' }),
    '/': () => searchBox.current?.focus(),
    r: reload,
    '?': () => setHelp(true),
  });

  return (
    <Page
      title="Alerts"
      fill
      actions={
        <>
          <SavedViews page="alerts" ready={readyViews} query={address} onOpen={(q) => set(parse(new URLSearchParams(q)))} />
          <Tooltip label="Keyboard: ?">
            <ActionIcon aria-label="Keyboard shortcuts" size="lg" onClick={() => setHelp(true)}>
              <IconKeyboard size={19} stroke={1.6} />
            </ActionIcon>
          </Tooltip>
        </>
      }
    >
      <Filters view={view} set={set} counts={counts.data} searchRef={searchBox} />
      <div className={css.strip}>
        {selection.chosen.size > 0 ? (
          <BulkBar
            count={selection.chosen.size}
            loaded={rows.length}
            total={total}
            onAll={selection.all}
            onClear={selection.clear}
            onChange={triage.act}
            pending={triage.pending}
            may={triage.may}
            me={triage.me}
          />
        ) : (
          <Totals counts={counts.data} view={view} set={set} />
        )}
        {live.waiting > 0 && (
          <Button
            className={css.waiting ?? ''}
            radius="xl"
            leftSection={<IconArrowUp size={14} aria-hidden />}
            onClick={reload}
          >
            {live.waiting >= 100 ? '100 or more new alerts' : plural(live.waiting, 'new alert')}
          </Button>
        )}
      </div>
      {list.isError && rows.length === 0 ? (
        <ErrorState error={list.error} retry={() => void list.refetch()} />
      ) : (
        <DataTable
          ref={table}
          label="Alerts"
          columns={columns}
          rows={rows}
          total={counts.data?.at_least ? Number.NaN : counts.data?.total}
          id={(a) => a.uid}
          name={(a) => `${a.title} on ${a.host_name}`}
          rowHeight={50}
          order={view.order}
          onOrder={(order) => set({ ...view, order: order as Order })}
          onOpen={open}
          selected={selection.chosen}
          onSelect={selection.toggle}
          onSelectAll={selection.all}
          cursor={cursor}
          onCursor={setCursor}
          onEnd={onEnd}
          loading={list.isPending}
          loadingMore={list.isFetchingNextPage}
          dim={(a) => a.status !== 'open' && a.status !== 'acknowledged'}
          fresh={live.fresh}
          empty={<Nothing view={view} set={set} />}
        />
      )}
      <div className={css.foot} aria-live="polite">
        {list.isError && rows.length > 0 && <span className={css.bad}>{list.error.message} </span>}
        {rows.length > 0 && `${exact(rows.length)} of ${total ?? '…'} loaded`}
      </div>
      <KeyHelp opened={help} onClose={() => setHelp(false)} />
    </Page>
  );
}

/** useSelection keeps which rows are chosen; rows that left the list are not. */
function useSelection(rows: AlertSummary[]) {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const anchor = useRef<string | null>(null);
  const chosen = useMemo(() => {
    const there = new Set(rows.map((r) => r.uid));
    return new Set([...picked].filter((id) => there.has(id)));
  }, [picked, rows]);
  const toggle = (id: string, extend: boolean) => {
    const next = new Set(chosen);
    const from = rows.findIndex((r) => r.uid === anchor.current);
    const to = rows.findIndex((r) => r.uid === id);
    if (extend && from >= 0 && to >= 0) {
      for (const r of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(r.uid);
    } else if (!next.delete(id)) {
      next.add(id);
    }
    anchor.current = id;
    setPicked(next);
  };
  return {
    chosen,
    toggle,
    all: () => setPicked(chosen.size === rows.length ? new Set() : new Set(rows.map((r) => r.uid))),
    clear: () => setPicked(new Set()),
  };
}

type Selection = ReturnType<typeof useSelection>;

/** useActions changes the chosen rows, or the one under the cursor, with a way back. */
function useActions(key: readonly unknown[], view: AlertView, rows: AlertSummary[], cursor: string | null, selection: Selection, reload: () => void, move: (by: number) => void) {
  const toast = useToast();
  const may = useMay('responder');
  const me = useSession().data?.user.name ?? '';
  const leaves = (a: AlertSummary) =>
    (view.status.length > 0 && !view.status.includes(a.status)) || (view.assignee.length > 0 && !view.assignee.includes(a.assignee || '-'));
  const triage = useTriage(key, leaves);
  const act = (change: Change) => {
    const uids = selection.chosen.size > 0 ? [...selection.chosen] : cursor ? [cursor] : [];
    if (uids.length === 0) return;
    if (!may) {
      toast.complain('Your role may look at alerts but not change them. Ask an administrator for the role responder.');
      return;
    }
    const before = rows.filter((r) => uids.includes(r.uid));
    if (selection.chosen.size === 0 && before.some((r) => leaves({ ...r, ...change }))) move(cursor === rows.at(-1)?.uid ? -1 : 1);
    triage.mutate(
      { uids, change },
      {
        onSuccess: (n) => toast.say(told(n, change), () => undo(before)),
        onError: (error) => toast.complain(error),
      },
    );
    selection.clear();
  };
  // Back to what each row was, in as few requests as there are different ones.
  // No person suppresses an alert: one that was is left open.
  const undo = (before: AlertSummary[]) => {
    const groups = Map.groupBy(before, (r) => `${r.status} ${r.assignee}`);
    for (const [, group] of groups) {
      const first = group[0];
      if (!first) continue;
      const status = first.status === 'suppressed' ? 'open' : first.status;
      triage.mutate(
        { uids: group.map((r) => r.uid), change: { status, assignee: first.assignee }, keep: true },
        { onSuccess: reload, onError: (error) => toast.complain(error) },
      );
    }
  };
  return { act, pending: triage.isPending, may, me };
}

function told(n: number, change: Change): string {
  const what = change.status ?? (change.assignee ? `assigned to ${change.assignee}` : 'assigned to nobody');
  return `${plural(n, 'alert')} ${change.status === 'open' ? 'opened again' : what}.`;
}

function Filters({ view, set, counts, searchRef }: Omit<Props, 'query'> & { counts: AlertCounts | undefined; searchRef: Ref<HTMLInputElement> }) {
  const rules = useRules();
  const hosts = useHosts();
  const users = useUsers();
  const me = useSession().data?.user.name;
  const deferred = useDeferredValue(counts);
  const choices = useMemo((): Choice[] => {
    const types = new Map((deferred?.top_types ?? []).map((t) => [t.key, t.label || t.key]));
    for (const r of rules.data?.items ?? []) types.set(r.alert_type, r.title);
    const typeCounts = new Map(deferred?.top_types.map((t) => [t.key, t.count]));
    const hostNames = new Map(hosts.data?.items.map((h) => [h.uid, h.name]));
    for (const h of deferred?.top_hosts ?? []) hostNames.set(h.key, h.label || h.key);
    const people = new Set([...(me ? [me] : []), ...(users.data?.items.map((u) => u.name) ?? [])]);
    const byLabel = (a: { label: string }, b: { label: string }) => a.label.localeCompare(b.label);
    return [
      { key: 'status', label: 'Status', values: view.status, options: statuses.map((s) => ({ value: s, label: statusNames[s], mark: <StatusBadge status={s} /> })) },
      { key: 'severity', label: 'Severity', values: view.severity, options: severities.map((s) => ({ value: s, label: severityNames[s], mark: <SeverityBadge severity={s} /> })) },
      {
        key: 'type', label: 'Type', values: view.type, free: true,
        options: [...types].map(([value, label]) => ({ value, label, ...(typeCounts.has(value) ? { count: typeCounts.get(value) ?? 0, more: deferred?.at_least } : {}) })).sort(byLabel),
      },
      { key: 'host', label: 'Host', values: view.host, free: true, options: [...hostNames].map(([value, label]) => ({ value, label })).sort(byLabel) },
      { key: 'tactic', label: 'Tactic', values: view.tactic, options: tacticNames.map((t) => ({ value: t, label: tacticLabel(t) })) },
      {
        key: 'assignee', label: 'Assignee', values: view.assignee, free: true,
        options: [{ value: '-', label: 'Nobody' }, ...[...people].map((p) => ({ value: p, label: p === me ? `${p} (me)` : p }))],
      },
    ];
  }, [deferred, hosts.data, me, rules.data, users.data, view]);
  const ruleTitle = rules.data?.items.find((r) => r.uid === view.rule[0])?.title ?? 'chosen rule';
  return (
    <FilterBar
      searchRef={searchRef}
      text={view.text}
      placeholder="Search title, description, host"
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
      {view.rule.length > 0 && (
        <Button variant="default" onClick={() => set({ ...view, rule: [] })}>
          Rule: {ruleTitle} ×
        </Button>
      )}
    </FilterBar>
  );
}

/** Totals are the numbers by severity; a click narrows to one. */
function Totals({ counts, view, set }: { counts: AlertCounts | undefined } & Omit<Props, 'query'>) {
  if (!counts) return <span className={css.total}>Counting…</span>;
  return (
    <>
      <span className={css.total}>{first(atLeast(plural(counts.total, 'alert'), counts.at_least))}</span>
      {severities.map((s: Severity) => (
        <button key={s} type="button" className={css.severity} aria-pressed={view.severity.includes(s)} onClick={() => set(toggled(view, 'severity', s))}>
          <SeverityBadge severity={s} /> <Count n={counts.by_severity[s] ?? 0} more={counts.at_least} />
        </button>
      ))}
      {counts.at_least && <span className={css.hint}>The newest were counted. Narrow by time, host or type to count all.</span>}
    </>
  );
}

function Nothing({ view, set }: Omit<Props, 'query'>) {
  const onlyOpen = view.status.length > 0 && view.status.every((s) => s === 'open' || s === 'acknowledged') && !narrowed({ ...view, status: [] });
  const icon = <IconShieldCheck size={30} stroke={1.4} aria-hidden />;
  if (onlyOpen) {
    return <EmptyState icon={icon} title="Nothing is open" text={<>Every alert is dealt with, or none was raised yet. <Link to="/simulation">Simulate an attack</Link> to see one.</>} />;
  }
  if (narrowed(view)) {
    return (
      <EmptyState
        title="No alert fits these filters"
        text="Take one away, look further back, or start anew."
        action={
          <Button variant="default" onClick={() => set({ ...parse(new URLSearchParams()), order: view.order })}>
            Clear all filters
          </Button>
        }
      />
    );
  }
  return <EmptyState icon={icon} title="No alerts yet" text={<>Nothing suspicious has been seen. <Link to="/simulation">Simulate an attack</Link> to see one, or <Link to="/hosts">look after your hosts</Link>.</>} />;
}
