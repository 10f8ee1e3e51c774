import { Skeleton } from '@mantine/core';
import { IconAffiliate, IconAlertTriangle, IconCircleCheck, IconHeartbeat } from '@tabler/icons-react';
import { Link } from 'react-router';
import { type IncidentQuery, type Overview, severities } from '../../api/model';
import { SeverityMark, severityNames } from '../../components/badges';
import { equation } from '../../text/ledger';
import { compact, exact, plural } from '../../text/numbers';
import { useIncidentCounts } from '../incidents/data';
import css from './overview.module.css';

/** Tiles are the answers at a glance: alerts, incidents, hosts, losses. */
export function Tiles({ overview }: { overview: Overview | undefined }) {
  if (!overview) return <Skeleton height={92} />;
  return (
    <div className={css.tiles}>
      <section className={css.tile} aria-label="Open alerts">
        {severities.map((s) => {
          const n = overview.open_alerts[s] ?? 0;
          return (
            <Link key={s} to={`/alerts?status=open&severity=${s}`} className={css.number} data-severity={s} data-none={n === 0 || undefined}>
              <b title={exact(n)}>{compact(n)}</b>
              <span>
                <SeverityMark severity={s} /> {severityNames[s]}
              </span>
            </Link>
          );
        })}
      </section>
      <IncidentsTile />
      <HostsTile overview={overview} />
      <LossTile overview={overview} />
    </div>
  );
}

const openOnes = { status: ['open', 'acknowledged'] } satisfies IncidentQuery;

function IncidentsTile() {
  const { data } = useIncidentCounts(openOnes);
  const worst = data && severities.find((s) => (data.by_severity[s] ?? 0) > 0);
  return (
    <Link to="/incidents?status=open,acknowledged&order=-severity" className={css.tile} data-state={!data ? undefined : data.total > 0 ? 'warn' : 'good'}>
      {data?.total === 0 ? <IconCircleCheck size={24} stroke={1.6} aria-hidden /> : <IconAffiliate size={24} stroke={1.6} aria-hidden />}
      <span className={css.fact}>
        <b>{!data ? 'Incidents' : data.total === 0 ? 'No open incident' : plural(data.total, 'open incident')}</b>
        <span>{!data ? 'being counted' : worst ? `${exact(data.by_severity[worst] ?? 0)} of ${severityNames[worst].toLowerCase()} severity` : 'alerts of one attack are joined here'}</span>
      </span>
    </Link>
  );
}

function HostsTile({ overview: { hosts } }: { overview: Overview }) {
  const trouble = hosts.degraded + hosts.silent + hosts.never_seen;
  const parts = [
    hosts.silent > 0 && `${exact(hosts.silent)} silent`,
    hosts.degraded > 0 && `${exact(hosts.degraded)} degraded`,
    hosts.never_seen > 0 && `${exact(hosts.never_seen)} never seen`,
  ].filter(Boolean);
  return (
    <Link to="/hosts" className={css.tile} data-state={trouble > 0 ? 'warn' : 'good'}>
      {trouble > 0 ? <IconHeartbeat size={24} stroke={1.6} aria-hidden /> : <IconCircleCheck size={24} stroke={1.6} aria-hidden />}
      <span className={css.fact}>
        <b>
          {exact(hosts.healthy)} of {plural(hosts.active, 'host')} healthy
        </b>
        <span>{parts.length > 0 ? parts.join(', ') : 'all send heartbeats, and every feature runs'}</span>
      </span>
    </Link>
  );
}

function LossTile({ overview }: { overview: Overview }) {
  const { losses, balanced } = equation(overview.ledger);
  const lost = losses.reduce((n, l) => n + l.value, 0);
  const good = lost === 0 && balanced;
  const share = overview.ledger.produced > 0 ? (100 * lost) / overview.ledger.produced : 0;
  return (
    <a href="#ledger" className={css.tile} data-state={good ? 'good' : 'warn'}>
      {good ? <IconCircleCheck size={24} stroke={1.6} aria-hidden /> : <IconAlertTriangle size={24} stroke={1.6} aria-hidden />}
      <span className={css.fact}>
        <b>{lost === 0 ? 'No event lost' : `${exact(lost)} events lost`}</b>
        <span>
          {lost > 0 && `${share < 0.01 ? 'less than 0.01' : share.toFixed(2)} % `}of {compact(overview.ledger.produced)} produced
          {!balanced && ', and the ledger does not balance'}
        </span>
      </span>
    </a>
  );
}
