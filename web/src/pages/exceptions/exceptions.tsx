import { Button } from '@mantine/core';
import { IconEyeOff, IconPlus } from '@tabler/icons-react';
import { useCallback, useMemo, useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import type { Exception } from '../../api/model';
import { DataTable, type TableHandle } from '../../components/datatable';
import { FilterBar } from '../../components/filterbar';
import { useKeys } from '../../components/keyboard';
import { Page } from '../../components/page';
import { RoleButton, useReason } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { useNow } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { type ExceptionState, stateOf } from '../../text/exceptions';
import { plural } from '../../text/numbers';
import { columnsFor } from './columns';
import { termsOf, useExceptions, useSave } from './data';
import { DeleteDialog } from './delete';
import css from './exceptions.module.css';
import { useNames } from './names';
import { StateBadge, stateNames } from './state';

const states = ['active', 'expired', 'disabled'] as const;
const facets = ['state', 'rule', 'host', 'text'] as const;
type Facet = (typeof facets)[number];

/** useView is what the list is narrowed to, as the URL says it; of each facet one value at most. */
function useView() {
  const [search, setSearch] = useSearchParams();
  const address = search.toString();
  const view = useMemo(() => {
    const of = new URLSearchParams(address);
    const view = Object.fromEntries(facets.map((f) => [f, (of.get(f) ?? '').slice(0, 256)])) as Record<Facet, string>;
    return states.includes(view.state as ExceptionState) ? view : { ...view, state: '' };
  }, [address]);
  const set = useCallback(
    (change: Partial<Record<Facet, string>>) => setSearch(new URLSearchParams(Object.entries({ ...view, ...change }).filter(([, v]) => v !== '')), { replace: true }),
    [setSearch, view],
  );
  return [view, set] as const;
}

/** Component is the page of exceptions: which alerts are known and wanted, why, and what each has hidden. */
export function Component() {
  const [view, set] = useView();
  const list = useExceptions({ ...(view.state ? { state: view.state as ExceptionState } : {}), ...(view.rule ? { rule: view.rule } : {}), ...(view.host ? { host: view.host } : {}), ...(view.text ? { text: view.text } : {}) });
  const rows = useMemo(() => list.data?.pages.flatMap((p) => p.items) ?? [], [list.data]);
  const names = useNames();
  const now = useNow();
  const reason = useReason('approver');
  const turn = useTurn();
  const [asking, setAsking] = useState<Exception | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const table = useRef<TableHandle>(null);
  const box = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  const columns = useMemo(() => columnsFor(names, now, { reason, onTurn: turn, onDelete: setAsking }), [names, now, reason, turn]);
  const onText = useCallback((text: string) => set({ text }), [set]);
  const onEnd = useCallback(() => {
    if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
  }, [list]);
  const move = (by: number) => () => table.current?.move(by);
  useKeys({ j: move(1), ArrowDown: move(1), k: move(-1), ArrowUp: move(-1), '/': () => box.current?.focus(), r: () => void list.refetch() });

  const make = (
    <RoleButton role="approver" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => void navigate('/exceptions/new')}>
      Make an exception
    </RoleButton>
  );
  return (
    <Page title="Exceptions" fill actions={make}>
      <FilterBar
        searchRef={box}
        text={view.text}
        placeholder="Search name, reason"
        onText={onText}
        choices={[
          { key: 'state', label: 'State', values: view.state ? [view.state] : [], options: states.map((s) => ({ value: s, label: stateNames[s], mark: <StateBadge state={s} /> })) },
          { key: 'rule', label: 'Rule', values: view.rule ? [view.rule] : [], options: [...names.rules].map(([value, label]) => ({ value, label })) },
          { key: 'host', label: 'Host', values: view.host ? [view.host] : [], options: [...names.hosts].map(([value, label]) => ({ value, label })) },
        ]}
        onToggle={(key, value) => set({ [key]: view[key as Facet] === value ? '' : value })}
        onClear={facets.some((f) => view[f] !== '') ? () => set({ state: '', rule: '', host: '', text: '' }) : undefined}
      />
      <div className={css.strip} aria-live="polite">
        {list.data && `${plural(rows.length, 'exception')}${list.hasNextPage ? ' loaded' : ''}`}
        <span>What an exception hides is kept, and still ties incidents together.</span>
      </div>
      {list.isError && rows.length === 0 ? (
        <ErrorState error={list.error} retry={() => void list.refetch()} />
      ) : (
        <DataTable
          ref={table}
          label="Exceptions"
          columns={columns}
          rows={rows}
          id={(e) => e.uid}
          name={(e) => e.name}
          rowHeight={52}
          onOpen={(e) => void navigate(`/exceptions/${e.uid}`)}
          cursor={cursor}
          onCursor={setCursor}
          onEnd={onEnd}
          loading={list.isPending}
          loadingMore={list.isFetchingNextPage}
          dim={(e) => stateOf(e, now) !== 'active'}
          empty={<Nothing narrowed={facets.some((f) => view[f] !== '')} onClear={() => set({ state: '', rule: '', host: '', text: '' })} />}
        />
      )}
      <div className={css.foot} />
      {asking && <DeleteDialog exception={asking} onClose={() => setAsking(null)} />}
    </Page>
  );
}

/** useTurn disables an exception, or enables it again. */
function useTurn(): (e: Exception) => void {
  const { mutate } = useSave();
  const toast = useToast();
  return useCallback(
    (e: Exception) =>
      mutate(
        { of: e, body: { ...termsOf(e), enabled: !e.enabled } },
        { onSuccess: () => toast.say(e.enabled ? 'Disabled: it hides nothing from now on.' : 'Enabled.'), onError: (error) => toast.complain(error) },
      ),
    [mutate, toast],
  );
}

function Nothing({ narrowed, onClear }: { narrowed: boolean; onClear: () => void }) {
  if (narrowed) {
    return (
      <EmptyState
        title="No exception fits these filters"
        text="Take one away, or start anew."
        action={
          <Button variant="default" onClick={onClear}>
            Clear all filters
          </Button>
        }
      />
    );
  }
  return (
    <EmptyState
      icon={<IconEyeOff size={30} stroke={1.4} aria-hidden />}
      title="Nothing is hidden"
      text={<>Where an alert is known and wanted, open it under <Link to="/alerts?status=open,acknowledged">Alerts</Link> and choose “Make an exception”: it is filled in for you.</>}
    />
  );
}
