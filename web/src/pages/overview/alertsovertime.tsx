import { Skeleton } from '@mantine/core';
import { Suspense, lazy, useCallback, useMemo } from 'react';
import { useNavigate } from 'react-router';
import { severities } from '../../api/model';
import { SeverityMark, severityNames } from '../../components/badges';
import { Panel } from '../../components/page';
import { EmptyState, ErrorState } from '../../components/states';
import { plural } from '../../text/numbers';
import { zone } from '../../text/time';
import { useRangeCounts } from './counts';
import css from './overview.module.css';
import { type RangeKey, ranges } from './ranges';

const SeverityChart = lazy(() => import('../../components/chart'));

const height = 258;

/** AlertsOverTime is the chart of open alerts by severity. */
export function AlertsOverTime({ range }: { range: RangeKey }) {
  const counts = useRangeCounts(range);
  const navigate = useNavigate();
  const { width, words } = ranges[range];
  const label = useMemo(() => axisLabel(range), [range]);
  const full = useCallback((start: string) => stretch(start, width), [width]);
  const pick = useCallback(
    (start: string) => {
      const until = new Date(Date.parse(start) + width).toISOString();
      void navigate(`/alerts?status=open&since=${encodeURIComponent(start)}&until=${encodeURIComponent(until)}`);
    },
    [navigate, width],
  );
  return (
    <Panel title="Open alerts by severity" hint={words} aside={<Legend />}>
      {counts.isPending && <Skeleton height={height} />}
      {counts.isError && !counts.data && <ErrorState error={counts.error} retry={() => void counts.refetch()} />}
      {counts.data?.total === 0 && (
        <div style={{ minHeight: height }} className={css.middle}>
          <EmptyState title={`No open alert in the ${words}`} text="That is how it should be. To see what one looks like, simulate an attack: it is real, and harmless." />
        </div>
      )}
      {counts.data && counts.data.total > 0 && (
        <>
          <Suspense fallback={<Skeleton height={height} />}>
            <SeverityChart buckets={counts.data.over_time} label={label} full={full} onPick={pick} height={height} />
          </Suspense>
          <ChartTable buckets={counts.data.over_time} full={full} caption={`Open alerts by severity, ${words}`} />
        </>
      )}
    </Panel>
  );
}

function Legend() {
  return (
    <div className={css.legend} aria-hidden="true">
      {severities.map((s) => (
        <span key={s} data-severity={s}>
          <SeverityMark severity={s} />
          {severityNames[s]}
        </span>
      ))}
    </div>
  );
}

/** ChartTable is the chart for those who do not see it; stretches without alerts are left out. */
function ChartTable({ buckets, full, caption }: { buckets: { start: string; by_severity: Record<string, number> }[]; full: (s: string) => string; caption: string }) {
  const some = buckets.filter((b) => severities.some((s) => (b.by_severity[s] ?? 0) > 0));
  return (
    <table className="hf-hidden">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">From, to</th>
          {severities.map((s) => (
            <th key={s} scope="col">
              {severityNames[s]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {some.map((b) => (
          <tr key={b.start}>
            <th scope="row">{full(b.start)}</th>
            {severities.map((s) => (
              <td key={s}>{plural(b.by_severity[s] ?? 0, 'alert')}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function axisLabel(range: RangeKey): (start: string) => string {
  const format: Intl.DateTimeFormatOptions = range === '24h' ? { hour: '2-digit', minute: '2-digit', hour12: false } : { month: 'short', day: 'numeric' };
  const formatter = new Intl.DateTimeFormat('en', format);
  return (start) => (start === '' ? '' : formatter.format(new Date(start)));
}

const long = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false });

const stretch = (start: string, width: number) => `${long.format(new Date(start))} – ${long.format(new Date(Date.parse(start) + width))} ${zone(new Date(start))}`;
