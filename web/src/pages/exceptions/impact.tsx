import { SegmentedControl, Skeleton } from '@mantine/core';
import { Link } from 'react-router';
import { type ExceptionPreview, severities } from '../../api/model';
import { SeverityBadge, StatusBadge } from '../../components/badges';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { impactText, samplesText } from '../../text/exceptions';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './form.module.css';

const spans = ['7', '30', '90'];

interface Props {
  /** What stands against asking; "" for nothing. */
  fault: string;
  impact: { data?: ExceptionPreview | undefined; isFetching: boolean; isError: boolean; error: unknown; refetch: () => unknown };
  days: number;
  onDays: (days: number) => void;
}

/** Impact says what the exception would have hidden, and shows it. */
export function Impact({ fault, impact, days, onDays }: Props) {
  const found = fault === '' ? impact.data : undefined;
  return (
    <Panel
      title="What it would have hidden"
      flush
      aside={<SegmentedControl size="xs" aria-label="How far to look back" value={String(days)} onChange={(v) => onDays(Number(v))} data={spans.map((value) => ({ value, label: `${value} days` }))} />}
    >
      <div className={css.said} aria-live="polite" aria-busy={impact.isFetching || undefined}>
        {fault !== '' && <p className={css.note}>{fault}</p>}
        {fault === '' && impact.isError && <ErrorState error={impact.error} retry={() => void impact.refetch()} />}
        {fault === '' && !impact.isError && !found && <Skeleton height={18} />}
        {found && !impact.isError && (
          <p className={css.headline} data-stale={impact.isFetching || undefined}>
            {impactText(found, days)}
          </p>
        )}
        {found && !found.complete && <p className={css.note}>There are more alerts than could be looked through; the newest were.</p>}
      </div>
      {found && !impact.isError && (
        <>
          {found.hidden > 0 && <Shares found={found} />}
          {found.alerts.length > 0 && <Alerts found={found} />}
          {found.samples_total > 0 && <Samples found={found} />}
        </>
      )}
    </Panel>
  );
}

function Shares({ found: { by_severity, by_host } }: { found: ExceptionPreview }) {
  return (
    <div className={css.shares}>
      {severities
        .filter((s) => (by_severity[s] ?? 0) > 0)
        .map((s) => (
          <span key={s}>
            <SeverityBadge severity={s} short /> {exact(by_severity[s] ?? 0)}
          </span>
        ))}
      {by_host.length > 0 && (
        <span className={css.hosts}>
          on {by_host.slice(0, 4).map((h) => `${visible(fold(h.label || h.key, 48))} (${exact(h.count)})`).join(', ')}
          {by_host.length > 4 && ` and ${plural(by_host.length - 4, 'more host')}`}
        </span>
      )}
    </div>
  );
}

function Alerts({ found: { alerts, hidden } }: { found: ExceptionPreview }) {
  return (
    <>
      <ul className={css.alerts} tabIndex={0} aria-label="Alerts that it would have hidden">
        {alerts.map((a) => (
          <li key={a.uid}>
            <Link to={`/alerts/${a.uid}`} target="_blank" title="Opens in a new tab">
              {visible(fold(a.title, 160))}
            </Link>
            <span className={css.facts}>
              <SeverityBadge severity={a.severity} short />
              <StatusBadge status={a.status} />
              <span>{visible(fold(a.host_name || a.host, 64))}</span>
              <TimeAgo time={a.last_time} plain />
            </span>
            <span className={css.story}>{visible(fold(a.description, 200))}</span>
          </li>
        ))}
      </ul>
      {hidden > alerts.length && <p className={css.note}>The newest {exact(alerts.length)} of {exact(hidden)}.</p>}
    </>
  );
}

/** Samples shows the attacks that the rules are there for, as far as the exception would hide them. */
function Samples({ found }: { found: ExceptionPreview }) {
  const { samples, samples_hidden: hidden } = found;
  return (
    <div className={css.samples}>
      <p className={css.note} data-grave={hidden > 0 || undefined}>
        {samplesText(found)}
      </p>
      {samples.length > 0 && (
        <ul className={css.alerts} tabIndex={0} aria-label="Recorded attacks that it would hide">
          {samples.map((s, i) => (
            <li key={i}>
              {visible(fold(s.title, 160))}
              <span className={css.facts}>
                <SeverityBadge severity={s.severity} short />
                <span>{visible(fold(s.name, 64))}</span>
              </span>
              <span className={css.story}>{visible(fold(s.description, 200))}</span>
            </li>
          ))}
        </ul>
      )}
      {hidden > samples.length && (
        <p className={css.note}>
          The first {exact(samples.length)} of {exact(hidden)}.
        </p>
      )}
    </div>
  );
}
