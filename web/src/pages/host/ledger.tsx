import { Skeleton } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import type { Host } from '../../api/model';
import { useLedger } from '../../api/queries';
import { Panel } from '../../components/page';
import { EmptyState, ErrorState } from '../../components/states';
import { equation } from '../../text/ledger';
import { bytes, exact } from '../../text/numbers';
import { visible } from '../../text/safe';
import { EquationLine } from '../overview/ledger';
import css from './host.module.css';

/** HostLedger is where every event of this host went, as one equation. */
export function HostLedger({ host }: { host: Host }) {
  const ledger = useLedger();
  const balance = ledger.data?.hosts.find((b) => b.host === host.uid);
  const e = balance && equation(balance);
  const own = host.heartbeat?.ledger;
  return (
    <div className={css.whole}>
      <Panel title="Ledger" hint="where every event went that this host’s kernel and sensors produced">
        {ledger.isPending && <Skeleton height={70} />}
        {ledger.isError && !ledger.data && <ErrorState error={ledger.error} retry={() => void ledger.refetch()} />}
        {ledger.data && !e && <EmptyState title="No ledger yet" text="It begins with the host’s first heartbeat." />}
        {e && (
          <>
            <EquationLine equation={e} />
            {!e.balanced ? (
              <p className={css.verdict} data-bad>
                <IconAlertTriangle size={15} aria-hidden /> It does not balance: something lost or repeated events without counting them. Please report it.
              </p>
            ) : (
              <p className={css.verdict} data-good={e.losses.length === 0 || undefined}>
                <IconCircleCheck size={15} aria-hidden /> It balances{e.losses.length === 0 ? ', and nothing was lost.' : '. What was lost, and why:'}
              </p>
            )}
            {e.losses.length > 0 && (
              <ul className={css.losses}>
                {e.losses.map((l) => (
                  <li key={l.reason}>
                    <b>{exact(l.value)}</b> {visible(l.words)} <code>{visible(l.reason)}</code>
                  </li>
                ))}
              </ul>
            )}
            {own && (
              <p className={css.spool}>
                Spool on the host: {bytes(own.spool_bytes)} of {bytes(own.spool_limit_bytes)}. Frames that came twice and were ignored: {exact(host.intake.repeated)}.
              </p>
            )}
          </>
        )}
      </Panel>
    </div>
  );
}
