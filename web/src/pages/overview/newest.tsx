import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Link } from 'react-router';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import { changes, queryClient } from '../../api/queries';
import { SeverityBadge } from '../../components/badges';
import { Panel } from '../../components/page';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { fold, visible } from '../../text/safe';
import css from './overview.module.css';

const query = { status: ['open' as const], limit: 7 };
const key = keys.newest;

/** Newest are the latest open alerts, as they come. */
export function Newest() {
  const list = useQuery({ queryKey: key, queryFn: ({ signal }) => must(client.GET('/alerts', { params: { query }, signal })) });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = changes.onAlert(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void queryClient.invalidateQueries({ queryKey: key });
      }, 200);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
  return (
    <Panel title="Newest open alerts" flush aside={<Link to="/alerts?status=open">All open alerts</Link>}>
      {list.isPending && <Skeleton height={260} m={16} width="auto" />}
      {list.isError && !list.data && <ErrorState error={list.error} retry={() => void list.refetch()} />}
      {list.data?.items.length === 0 && <EmptyState title="Nothing is open" />}
      <ul className={css.newest}>
        {list.data?.items.map((a) => (
          <li key={a.uid}>
            <SeverityBadge severity={a.severity} short />
            <span className={css.what}>
              <Link to={`/alerts/${a.uid}`}>{visible(a.title)}</Link>
              <span>{visible(fold(a.description, 200))}</span>
            </span>
            <Link to={`/hosts/${a.host}`} className={css.where}>
              {visible(fold(a.host_name, 64))}
            </Link>
            <span className={css.when}>
              <TimeAgo time={a.last_time} plain />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
