import { IconShieldCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { DataTable } from '../../components/datatable';
import { EmptyState, ErrorState } from '../../components/states';
import { plural } from '../../text/numbers';
import { columns } from '../alerts/columns';
import { useHostAlerts } from './data';
import css from './host.module.css';

const own = columns.filter((c) => c.key !== 'host').map(({ orders: _, ...c }) => c);

/** HostAlerts lists the alerts of the host, newest first. */
export function HostAlerts({ host }: { host: string }) {
  const alerts = useHostAlerts(host);
  const [cursor, setCursor] = useState<string | null>(null);
  const navigate = useNavigate();
  const rows = alerts.data?.items ?? [];
  if (alerts.isError && !alerts.data) return <ErrorState error={alerts.error} retry={() => void alerts.refetch()} />;
  return (
    <div className={css.list}>
      <div className={css.tools}>
        <span className={css.muted}>{alerts.data && (alerts.data.next ? `The newest ${rows.length} alerts.` : plural(rows.length, 'alert'))}</span>
        <Link to={`/alerts?host=${host}`}>Filter and work on them in Alerts</Link>
      </div>
      <DataTable
        label="Alerts of this host"
        columns={own}
        rows={rows}
        id={(a) => a.uid}
        name={(a) => a.title}
        rowHeight={50}
        onOpen={(a) => void navigate(`/alerts/${a.uid}`)}
        cursor={cursor}
        onCursor={setCursor}
        loading={alerts.isPending}
        dim={(a) => a.status !== 'open' && a.status !== 'acknowledged'}
        empty={<EmptyState icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />} title="No alert on this host" text={<>Nothing suspicious was seen. <Link to={`/simulation?host=${host}`}>Simulate an attack</Link> to see one.</>} />}
      />
    </div>
  );
}
