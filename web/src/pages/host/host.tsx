import { Button, Tabs } from '@mantine/core';
import { IconBan, IconCircleCheck, IconPlayerPlay } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import { useHost } from '../../api/hosts';
import type { Host } from '../../api/model';
import { useMay } from '../../api/queries';
import { ApiError } from '../../api/errors';
import { HealthBadge } from '../../components/healthbadge';
import { Page } from '../../components/page';
import { RoleButton } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { useNow } from '../../components/timeago';
import { healthOf } from '../../text/health';
import { fold, visible } from '../../text/safe';
import { AccessDialog } from '../hosts/access';
import { About } from './about';
import { HostAlerts } from './alerts';
import { Events } from './events';
import { Features } from './features';
import css from './host.module.css';
import { HostLedger } from './ledger';
import { Processes } from './processes';

/** Component is the page of one host: who it is, how it is, what it does. */
export function Component() {
  const { uid = '' } = useParams();
  const host = useHost(uid);
  if (host.data) return <HostPage host={host.data} />;
  const gone = host.error instanceof ApiError && host.error.status === 404;
  return (
    <Page title="Host">
      {gone && <EmptyState title="There is no such host" text="The address may be mistyped, or belong to another server." action={<Link to="/hosts">All hosts</Link>} />}
      {host.isError && !gone && <ErrorState error={host.error} retry={() => void host.refetch()} />}
    </Page>
  );
}

const tabs = ['processes', 'events', 'alerts'] as const;
type Tab = (typeof tabs)[number];

function HostPage({ host }: { host: Host }) {
  const [query, setQuery] = useSearchParams();
  const asked = query.get('tab') as Tab;
  const tab: Tab = tabs.includes(asked) ? asked : 'processes';
  const { health, why } = healthOf(host, useNow());
  const name = visible(fold(host.name || host.uid, 100));
  const open = (next: string | null) => setQuery(next === 'processes' || next === null ? {} : { tab: next }, { replace: true, preventScrollReset: true });
  return (
    <Page
      title={name}
      heading={
        <div className={css.heading}>
          <h1 className={css.title}>{name}</h1>
          <HealthBadge health={health} />
          {why && <span className={css.why}>{visible(fold(why, 200))}{why.length > 200 && '…'}</span>}
        </div>
      }
      actions={<Actions host={host} />}
    >
      <div className={css.grid}>
        <About host={host} />
        <Features host={host} />
        <HostLedger host={host} />
      </div>
      <Tabs value={tab} onChange={open} keepMounted={false} className={css.tabs ?? ''}>
        <Tabs.List aria-label="What the host does">
          <Tabs.Tab value="processes">Processes</Tabs.Tab>
          <Tabs.Tab value="events">Events</Tabs.Tab>
          <Tabs.Tab value="alerts">Alerts</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="processes">
          <Processes host={host.uid} />
        </Tabs.Panel>
        <Tabs.Panel value="events">
          <Events host={host.uid} />
        </Tabs.Panel>
        <Tabs.Panel value="alerts">
          <HostAlerts host={host.uid} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Actions({ host }: { host: Host }) {
  const responder = useMay('responder');
  const [asking, setAsking] = useState(false);
  const revoked = host.state === 'revoked';
  return (
    <>
      {responder && !revoked && (
        <Button component={Link} to={`/simulation?host=${host.uid}`} variant="default" leftSection={<IconPlayerPlay size={15} aria-hidden />}>
          Simulate an attack
        </Button>
      )}
      <RoleButton role="admin" variant="default" leftSection={revoked ? <IconCircleCheck size={15} aria-hidden /> : <IconBan size={15} aria-hidden />} onClick={() => setAsking(true)}>
        {revoked ? 'Allow again' : 'Revoke'}
      </RoleButton>
      {asking && <AccessDialog host={host} onClose={() => setAsking(false)} />}
    </>
  );
}
