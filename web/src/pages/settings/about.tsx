import { Skeleton } from '@mantine/core';
import { useOverview, useRules } from '../../api/queries';
import { KeyValue } from '../../components/keyvalue';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { exact } from '../../text/numbers';

/** About says which server this is. */
export function About() {
  const overview = useOverview();
  const rules = useRules();
  return (
    <Panel title="About this server">
      {overview.isPending && <Skeleton height={100} />}
      {overview.isError && !overview.data && <ErrorState error={overview.error} retry={() => void overview.refetch()} />}
      {overview.data && (
        <KeyValue
          items={[
            ['Version', overview.data.version],
            ['Running since', <TimeAgo key="since" time={overview.data.started_time} />],
            ['Hosts', exact(overview.data.hosts.total)],
            ['Detection rules in force', rules.data && exact(rules.data.items.length)],
            ['Interface', <a key="api" href="/openapi.json">OpenAPI document</a>],
            ['License', 'Apache 2.0'],
          ]}
        />
      )}
    </Panel>
  );
}
