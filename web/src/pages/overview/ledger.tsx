import { Skeleton } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { Fragment } from 'react';
import { Link } from 'react-router';
import { useLedger } from '../../api/queries';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import type { LedgerReport } from '../../api/model';
import { type Equation, equation } from '../../text/ledger';
import { bytes, exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './overview.module.css';

/** LedgerPanel is where every event went, of all hosts, as one equation. */
export function LedgerPanel() {
  const ledger = useLedger();
  return (
    <Panel id="ledger" title="Loss ledger" hint="where every event went that the hosts’ kernels and sensors produced">
      {ledger.isPending && <Skeleton height={90} />}
      {ledger.isError && !ledger.data && <ErrorState error={ledger.error} retry={() => void ledger.refetch()} />}
      {ledger.data && <Report report={ledger.data} />}
    </Panel>
  );
}

function Report({ report }: { report: LedgerReport }) {
  const e = equation(report.total);
  return (
    <>
      <EquationLine equation={e} />
      <div className={css.verdict}>
        <Verdict equation={e} />
        {e.losses.length > 0 && <Losses report={report} equation={e} />}
        <p className={css.server}>
          Server: {exact(report.server.accepted_frames)} frames taken over since its start
          {report.server.stream_limit_bytes > 0 && `, ${bytes(report.server.stream_bytes)} of ${bytes(report.server.stream_limit_bytes)} of the stream in use`},{' '}
          {exact(report.server.uncommitted_events)} events being written
          {report.server.refused.some((c) => c.value > 0) && (
            <>
              ; refused: {report.server.refused.filter((c) => c.value > 0).map((c) => `${exact(c.value)} ${visible(c.name.replaceAll('_', ' '))}`).join(', ')}
            </>
          )}
          .
        </p>
      </div>
    </>
  );
}

/** EquationLine writes produced = stored + combined + waiting + dropped. */
export function EquationLine({ equation: e }: { equation: Equation }) {
  return (
    <dl className={css.equation}>
      <div className={css.term} data-term="produced">
        <dd>{exact(e.produced)}</dd>
        <dt>produced</dt>
      </div>
      {e.terms.map((t, i) => (
        <Fragment key={t.key}>
          <span className={css.sign} aria-hidden="true">
            {i === 0 ? '=' : t.value < 0 ? '−' : '+'}
          </span>
          <div className={css.term} data-term={t.key} data-none={t.value === 0 || undefined} title={t.hint}>
            <dd>{exact(Math.abs(t.value))}</dd>
            <dt>{t.label}</dt>
          </div>
        </Fragment>
      ))}
    </dl>
  );
}

function Verdict({ equation: e }: { equation: Equation }) {
  if (!e.balanced) {
    return (
      <p data-bad>
        <IconAlertTriangle size={15} aria-hidden /> The ledger does not balance: something lost or repeated events without counting them. Look at the hosts’ ledgers, and please report it.
      </p>
    );
  }
  return (
    <p data-good={e.losses.length === 0 || undefined}>
      <IconCircleCheck size={15} aria-hidden /> The ledger balances{e.losses.length === 0 ? ', and nothing was lost.' : '. What was lost, and why:'}
    </p>
  );
}

function Losses({ report, equation: e }: { report: LedgerReport; equation: Equation }) {
  return (
    <ul className={css.losses}>
      {e.losses.map((l) => {
        const hosts = report.hosts.filter((h) => (h.dropped[l.reason] ?? 0) > 0).sort((a, b) => (b.dropped[l.reason] ?? 0) - (a.dropped[l.reason] ?? 0));
        return (
          <li key={l.reason}>
            <b>{exact(l.value)}</b> {visible(l.words)} <code>{visible(l.reason)}</code>
            {hosts.length > 0 && ' on '}
            {hosts.slice(0, 3).map((h, i) => (
              <Fragment key={h.host}>
                {i > 0 && ', '}
                <Link to={`/hosts/${h.host}`}>{visible(fold(h.name || h.host, 64))}</Link>
              </Fragment>
            ))}
            {hosts.length > 3 && ` and ${plural(hosts.length - 3, 'other host')}`}
          </li>
        );
      })}
    </ul>
  );
}
