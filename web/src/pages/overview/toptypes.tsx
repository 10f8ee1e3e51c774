import { Skeleton } from '@mantine/core';
import { Link } from 'react-router';
import { useRuleTitles } from '../../api/queries';
import { Panel } from '../../components/page';
import { EmptyState } from '../../components/states';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { useRangeCounts } from './counts';
import css from './overview.module.css';
import { type RangeKey, ranges } from './ranges';

/** TopTypes lists what fires most; each leads to its alerts. */
export function TopTypes({ range }: { range: RangeKey }) {
  const counts = useRangeCounts(range);
  const titles = useRuleTitles();
  const top = counts.data?.top_types.slice(0, 8) ?? [];
  const most = Math.max(1, ...top.map((t) => t.count));
  return (
    <Panel title="What fires most" hint={ranges[range].words}>
      {counts.isPending && <Skeleton height={220} />}
      {counts.data && top.length === 0 && <EmptyState title="Nothing fired" />}
      <ol className={css.bars}>
        {top.map((t) => (
          <li key={t.key}>
            <Link to={`/alerts?status=open&type=${encodeURIComponent(t.key)}&since=${range}`}>
              <span className={css.barLabel}>{visible(fold(titles.get(t.key) ?? (t.label || t.key), 120))}</span>
              <span className={css.barCount}>{exact(t.count)}</span>
              <span className={css.track} aria-hidden="true">
                <span style={{ width: `${(100 * t.count) / most}%` }} />
              </span>
            </Link>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
