import { Skeleton } from '@mantine/core';
import type { Host, Simulation } from '../../api/model';
import { Panel } from '../../components/page';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { useSimulations } from './data';
import { State } from './run';
import css from './simulation.module.css';
import { runState } from './words';

/** History lists the latest simulations. */
export function History({ hosts, current, onOpen }: { hosts: readonly Host[]; current: string; onOpen: (uid: string) => void }) {
  const runs = useSimulations();
  const nameOf = (s: Simulation) => visible(fold(hosts.find((h) => h.uid === s.host)?.name || s.host, 64));
  return (
    <Panel title="History" flush>
      {runs.isPending && <Skeleton height={80} m={16} width="auto" />}
      {runs.isError && !runs.data && <ErrorState error={runs.error} retry={() => void runs.refetch()} />}
      {runs.data?.items.length === 0 && <EmptyState title="Nothing was simulated yet" text="Choose a host and some scenarios, and run them." />}
      <ul className={css.history}>
        {runs.data?.items.map((s) => (
          <li key={s.uid}>
            <button type="button" aria-current={s.uid === current || undefined} onClick={() => onOpen(s.uid)}>
              <State state={runState(s)} />
              <span className={css.historyWords}>
                {plural(s.parts.length, 'scenario')} on {nameOf(s)}
              </span>
              <span className={css.muted}>
                <TimeAgo time={s.created_time} plain />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
