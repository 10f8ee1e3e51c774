import { Button, Drawer, TextInput } from '@mantine/core';
import { IconRefresh, IconSearch } from '@tabler/icons-react';
import { useDeferredValue, useMemo, useState } from 'react';
import { Link } from 'react-router';
import type { HostProcess } from '../../api/model';
import { type Column, DataTable } from '../../components/datatable';
import { ProcessTree } from '../../components/processtree';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { accountName, lineage, processName, started } from '../../text/events';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { minuteTime } from '../../text/time';
import { useProcesses } from './data';
import css from './host.module.css';

const short = (text: string) => visible(fold(text, 300));

function ended({ running, exit }: HostProcess): string {
  if (running) return 'running';
  if (!exit) return 'ended';
  return exit.signal ? `killed, ${short(exit.signal)}` : `ended with ${exit.code}`;
}

const ancestors = (p: HostProcess) => lineage(p.process).slice(0, -1).map(processName).join(' › ');

const columns = (open: (p: HostProcess) => void): Column<HostProcess>[] => [
  {
    key: 'process',
    title: 'Process',
    width: 'minmax(0, 2fr)',
    render: (p) => (
      <>
        <a
          href={`#${p.process.uid}`}
          className={css.name}
          onClick={(e) => {
            e.preventDefault();
            open(p);
          }}
        >
          {short(processName(p.process))}
        </a>
        <span className={css.second} title={short(p.process.cmd_line ?? '')}>
          {short(p.process.cmd_line ?? '')}
        </span>
      </>
    ),
  },
  { key: 'pid', title: 'Pid', width: '64px', align: 'right', render: (p) => p.process.pid },
  { key: 'user', title: 'User', width: '100px', from: 'medium', render: (p) => short(accountName(p.process.user)) },
  { key: 'lineage', title: 'Started by', width: 'minmax(0, 1.4fr)', from: 'medium', render: (p) => <span title={short(ancestors(p))}>{short(ancestors(p))}</span> },
  { key: 'started', title: 'Started', width: '90px', from: 'wide', render: (p) => <TimeAgo time={started(p.process)} plain /> },
  { key: 'state', title: 'State', width: '120px', narrow: '84px', render: (p) => <span className={css.life} data-running={p.running || undefined}>{ended(p)}</span> },
];

/** Processes lists what the telemetry last told of the host's processes, running ones first. */
export function Processes({ host }: { host: string }) {
  const processes = useProcesses(host);
  const [wanted, setWanted] = useState('');
  const [cursor, setCursor] = useState<string | null>(null);
  const [shown, setShown] = useState<HostProcess | null>(null);
  const text = useDeferredValue(wanted.trim().toLowerCase());
  const cols = useMemo(() => columns(setShown), []);
  const rows = useMemo(
    () => (processes.data?.items ?? []).filter((p) => `${p.process.pid} ${processName(p.process)} ${p.process.cmd_line ?? ''} ${accountName(p.process.user)}`.toLowerCase().includes(text)),
    [processes.data, text],
  );
  if (processes.isError && !processes.data) return <ErrorState error={processes.error} retry={() => void processes.refetch()} />;
  const running = rows.filter((p) => p.running).length;
  return (
    <div className={css.list}>
      <div className={css.tools}>
        <TextInput type="search" aria-label="Find a process" placeholder="Find by name, command line, user, pid" leftSection={<IconSearch size={15} aria-hidden />} value={wanted} maxLength={256} w={280} onChange={(e) => setWanted(e.currentTarget.value)} />
        <Button variant="default" leftSection={<IconRefresh size={15} aria-hidden />} loading={processes.isFetching} onClick={() => void processes.refetch()}>
          Look again
        </Button>
        <span className={css.muted}>
          {processes.data && `${plural(running, 'process', 'processes')} running, ${exact(rows.length - running)} ended, by events since ${minuteTime(processes.data.since_time)}${processes.data.complete ? '' : ' (there are more)'}`}
        </span>
      </div>
      <DataTable
        label="Processes"
        columns={cols}
        rows={rows}
        id={(p) => p.process.uid}
        name={(p) => processName(p.process)}
        rowHeight={46}
        onOpen={setShown}
        cursor={cursor}
        onCursor={setCursor}
        loading={processes.isPending}
        dim={(p) => !p.running}
        empty={
          text ? (
            <EmptyState title="No process fits" text="Type less, or something else." />
          ) : (
            <EmptyState title="No process known" text="No process has started on this host since then, or its process sensors do not run: see Features above." />
          )
        }
      />
      <Drawer opened={shown !== null} onClose={() => setShown(null)} position="right" size="xl" title={shown ? short(processName(shown.process)) : ''} closeButtonProps={{ 'aria-label': 'Close' }}>
        {shown && (
          <>
            <ProcessTree process={shown.process} />
            <p className={css.more}>
              {ended(shown)}, last seen <TimeAgo time={shown.seen_time} />.{' '}
              <Link to={`/hosts/${host}?tab=events&process=${shown.process.uid}`} onClick={() => setShown(null)}>
                All events of this process
              </Link>
            </p>
          </>
        )}
      </Drawer>
    </div>
  );
}
