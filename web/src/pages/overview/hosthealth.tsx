import { Skeleton } from '@mantine/core';
import { Link } from 'react-router';
import { useHosts } from '../../api/queries';
import { HealthBadge } from '../../components/healthbadge';
import { Panel } from '../../components/page';
import { EmptyState, ErrorState } from '../../components/states';
import { useNow } from '../../components/timeago';
import { healthOf, healthOrder } from '../../text/health';
import { fold, visible } from '../../text/safe';
import css from './overview.module.css';

const most = 7;

/** HostHealth lists the hosts that need a look first. */
export function HostHealth() {
  const hosts = useHosts({ state: 'active' });
  const now = useNow();
  const list = (hosts.data?.items ?? [])
    .map((host) => ({ host, ...healthOf(host, now) }))
    .sort((a, b) => healthOrder.indexOf(a.health) - healthOrder.indexOf(b.health) || a.host.name.localeCompare(b.host.name));
  return (
    <Panel title="Hosts" flush aside={<Link to="/hosts">All hosts</Link>}>
      {hosts.isPending && <Skeleton height={240} m={16} width="auto" />}
      {hosts.isError && !hosts.data && <ErrorState error={hosts.error} retry={() => void hosts.refetch()} />}
      {hosts.data && list.length === 0 && <EmptyState title="No active host" text="Every host’s credential is revoked." />}
      <ul className={css.hosts}>
        {list.slice(0, most).map(({ host, health, why }) => (
          <li key={host.uid}>
            <span className={css.what}>
              <Link to={`/hosts/${host.uid}`}>{visible(fold(host.name || host.uid, 64))}</Link>
              <span>{visible(fold(why || host.heartbeat?.os || '', 160))}</span>
            </span>
            <HealthBadge health={health} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
