import { Button } from '@mantine/core';
import { IconPlus, IconServer2 } from '@tabler/icons-react';
import { useCallback, useMemo, useRef, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import type { Host } from '../../api/model';
import { useHosts } from '../../api/queries';
import { DataTable, type TableHandle } from '../../components/datatable';
import { EnrolDialog } from '../../components/enrol';
import { FilterBar } from '../../components/filterbar';
import { HealthBadge, healthNames } from '../../components/healthbadge';
import { useKeys } from '../../components/keyboard';
import { Page } from '../../components/page';
import { RoleButton, useReason } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { useNow } from '../../components/timeago';
import { type Health, healthOf, healthOrder } from '../../text/health';
import { exact, plural } from '../../text/numbers';
import { AccessDialog } from './access';
import { type Row, columnsFor } from './columns';
import css from './hosts.module.css';
import { type HostView, parseView, writeView } from './view';

const loadedAtMost = 1000; // hosts that one request lists

/** Component is the list of hosts: which are there, and how they are. */
export function Component() {
  const [search, setSearch] = useSearchParams();
  const address = search.toString();
  const view = useMemo(() => parseView(new URLSearchParams(address)), [address]);
  const set = useCallback((next: HostView) => setSearch(writeView(next), { replace: true }), [setSearch]);
  const onText = useCallback((text: string) => set({ ...view, text }), [set, view]);
  const hosts = useHosts({ ...(view.text ? { text: view.text } : {}), ...(view.label.length > 0 ? { label: view.label } : {}) });
  const now = useNow();
  const all = useMemo(() => (hosts.data?.items ?? []).map((host): Row => ({ host, ...healthOf(host, now) })), [hosts.data, now]);
  const rows = useMemo(() => all.filter((r) => view.health.length === 0 || view.health.includes(r.health)).sort(orderOf(view.order)), [all, view]);
  const [enrolling, setEnrolling] = useState(false);
  const [asking, setAsking] = useState<Host | null>(null);
  const reason = useReason('admin');
  const columns = useMemo(() => columnsFor(setAsking, reason), [reason]);
  const [cursor, setCursor] = useState<string | null>(null);
  const table = useRef<TableHandle>(null);
  const box = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  const move = (by: number) => () => table.current?.move(by);
  useKeys({ j: move(1), ArrowDown: move(1), k: move(-1), ArrowUp: move(-1), '/': () => box.current?.focus(), r: () => void hosts.refetch() });

  const narrowed = view.text !== '' || view.label.length > 0 || view.health.length > 0;
  const enrol = (
    <RoleButton role="approver" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setEnrolling(true)}>
      Enrol hosts
    </RoleButton>
  );
  return (
    <Page title="Hosts" fill actions={enrol}>
      <FilterBar
        searchRef={box}
        text={view.text}
        placeholder="Search name, id, address"
        onText={onText}
        choices={[
          { key: 'health', label: 'Health', values: view.health, options: healthOrder.map((h) => ({ value: h, label: healthNames[h], mark: <HealthBadge health={h} />, count: all.filter((r) => r.health === h).length })) },
          { key: 'label', label: 'Label', values: view.label, free: true, options: labelsOf(all) },
        ]}
        onToggle={(key, value) => set(key === 'health' ? { ...view, health: toggled(view.health, value as Health) } : { ...view, label: toggled(view.label, value) })}
        onClear={narrowed ? () => set({ ...view, text: '', health: [], label: [] }) : undefined}
      />
      <div className={css.strip} aria-live="polite">
        {hosts.data && `${plural(rows.length, 'host')}${hosts.data.next ? `: the first ${exact(loadedAtMost)} by name; search for others` : ''}`}
      </div>
      {hosts.isError && !hosts.data ? (
        <ErrorState error={hosts.error} retry={() => void hosts.refetch()} />
      ) : (
        <DataTable
          ref={table}
          label="Hosts"
          columns={columns}
          rows={rows}
          id={(r) => r.host.uid}
          name={(r) => r.host.name}
          rowHeight={52}
          order={view.order}
          onOrder={(order) => set({ ...view, order: order as HostView['order'] })}
          onOpen={(r) => void navigate(`/hosts/${r.host.uid}`)}
          cursor={cursor}
          onCursor={setCursor}
          loading={hosts.isPending}
          dim={(r) => r.host.state === 'revoked'}
          empty={
            narrowed ? (
              <EmptyState
                title="No host fits these filters"
                text="Take one away, or start anew."
                action={
                  <Button variant="default" onClick={() => set({ ...view, text: '', health: [], label: [] })}>
                    Clear all filters
                  </Button>
                }
              />
            ) : (
              <EmptyState icon={<IconServer2 size={30} stroke={1.4} aria-hidden />} title="No host yet" text="One line, typed on a machine, makes it a host. It then appears here by itself." action={enrol} />
            )
          }
        />
      )}
      <div className={css.foot} />
      {asking && <AccessDialog host={asking} onClose={() => setAsking(null)} />}
      <EnrolDialog opened={enrolling} onClose={() => setEnrolling(false)} />
    </Page>
  );
}

function toggled<T>(list: readonly T[], value: T): T[] {
  return list.includes(value) ? list.filter((v) => v !== value) : [...list, value];
}

function labelsOf(rows: readonly Row[]) {
  const counts = new Map<string, number>();
  for (const { host } of rows) for (const [k, v] of Object.entries(host.labels)) counts.set(`${k}=${v}`, (counts.get(`${k}=${v}`) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, label: value, count })).sort((a, b) => a.label.localeCompare(b.label));
}

const seen = (h: Host) => Date.parse(h.last_seen_time);

function orderOf(order: HostView['order']): (a: Row, b: Row) => number {
  const sign = order.startsWith('-') ? -1 : 1;
  const byName = (a: Row, b: Row) => a.host.name.localeCompare(b.host.name) || a.host.uid.localeCompare(b.host.uid);
  switch (order) {
    case 'name':
    case '-name':
      return (a, b) => sign * byName(a, b);
    case 'seen':
    case '-seen':
      return (a, b) => sign * (seen(a.host) - seen(b.host)) || byName(a, b);
    default:
      return (a, b) => sign * (healthOrder.indexOf(a.health) - healthOrder.indexOf(b.health)) || byName(a, b);
  }
}
