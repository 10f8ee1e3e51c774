import { Button, SegmentedControl } from '@mantine/core';
import { IconPlayerPlay } from '@tabler/icons-react';
import { useSearchParams, Link } from 'react-router';
import { useMay, useOverview } from '../../api/queries';
import { Page } from '../../components/page';
import { ErrorState } from '../../components/states';
import { AlertsOverTime } from './alertsovertime';
import { Conditions } from './conditions';
import { FirstRun } from './firstrun';
import { HostHealth } from './hosthealth';
import { LedgerPanel } from './ledger';
import { Newest } from './newest';
import css from './overview.module.css';
import { type RangeKey, ranges } from './ranges';
import { Tiles } from './tiles';
import { TopTypes } from './toptypes';

/** Component is the first page: is anything burning, are all hosts well, has anything been lost. */
export function Component() {
  const [query, setQuery] = useSearchParams();
  const asked = query.get('range') ?? '';
  const range: RangeKey = asked in ranges ? (asked as RangeKey) : '7d';
  const overview = useOverview();
  const responder = useMay('responder');
  if (overview.isError && !overview.data) {
    return (
      <Page title="Overview">
        <ErrorState error={overview.error} retry={() => void overview.refetch()} />
      </Page>
    );
  }
  if (overview.data?.hosts.total === 0) return <FirstRun overview={overview.data} />;
  return (
    <Page
      title="Overview"
      actions={
        <>
          <SegmentedControl
            size="xs"
            aria-label="Time range"
            value={range}
            onChange={(r) => setQuery(r === '7d' ? {} : { range: r }, { replace: true })}
            data={Object.entries(ranges).map(([value, r]) => ({ value, label: r.label }))}
          />
          {responder && (
            <Button component={Link} to="/simulation" leftSection={<IconPlayerPlay size={15} aria-hidden />}>
              Simulate an attack
            </Button>
          )}
        </>
      }
    >
      <Conditions overview={overview.data} />
      <div className={css.grid}>
        <div className={css.whole}>
          <Tiles overview={overview.data} />
        </div>
        <div className={css.wide}>
          <AlertsOverTime range={range} />
        </div>
        <div className={css.side}>
          <TopTypes range={range} />
        </div>
        <div className={css.wide}>
          <Newest />
        </div>
        <div className={css.side}>
          <HostHealth />
        </div>
        <div className={css.whole}>
          <LedgerPanel />
        </div>
      </div>
    </Page>
  );
}
